"""Lists of the store: values withheld, values in doubt, what is said of readings' quality.

They lie in the store beside the values, lists/<source>/<name>, so that one commit holds both: bytes
of an Arrow table, with a checksum. Versions before kept them as CSV beside the store; such files
are read until the store has lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import icechunk
import numpy as np
import pandas as pd
import pyarrow as pa
import zarr

from configs.csv_cells import marked
from configs.whole_files import write_whole
from data_contracts.groups import CHECKED, Explained, root_of

LISTS = "lists"


def read_list(
    session: icechunk.Session, name: str, nothing: pd.DataFrame, explained: Explained
) -> pd.DataFrame | None:
    """A list of all sources, in the columns, types and order of ``nothing``; None where there
    is none.

    Raises StoreUnusable.
    """
    with explained():
        if not has_list(session, name):
            return None
        group = zarr.open_group(session.store, mode="r", path=LISTS)
        arrays = [source[name] for _, source in group.groups() if name in source]
        parts = [_table(np.asarray(array[:])) for array in arrays if isinstance(array, zarr.Array)]
    return tidy(pd.concat([nothing, *parts], ignore_index=True), nothing)


def has_list(session: icechunk.Session, name: str) -> bool:
    """Whether the store holds a list of any source."""
    root = root_of(session)
    sources = root[LISTS] if root is not None and LISTS in root else None
    return isinstance(sources, zarr.Group) and any(name in one for _, one in sources.groups())


def tidy(table: pd.DataFrame, nothing: pd.DataFrame) -> pd.DataFrame:
    """A list in its columns' types and order, each row once."""
    order = ["source", "variable", "location", "time", *nothing.columns[4:]]
    typed = table[list(nothing.columns)].astype(nothing.dtypes)
    for column in typed.columns[[dtype == nothing["source"].dtype for dtype in typed.dtypes]]:
        texts = [text.encode("utf-8", "replace").decode() for text in typed[column]]
        typed[column] = pd.Series(texts, typed.index, nothing[column].dtype)
    return typed.drop_duplicates(ignore_index=True).sort_values(order, ignore_index=True)


def write_list(session: icechunk.Session, source: str, name: str, table: pd.DataFrame) -> None:
    """Replaces the list of one source whole."""
    batch = pa.Table.from_pandas(table, preserve_index=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_table(batch)
    content = np.frombuffer(sink.getvalue(), np.uint8)
    group = zarr.open_group(session.store, mode="a").require_group(f"{LISTS}/{source}")
    group.create_array(
        name, data=content, chunks=content.shape, compressors=CHECKED, overwrite=True
    )


def _table(content: np.ndarray) -> pd.DataFrame:
    with pa.ipc.open_stream(pa.py_buffer(content.tobytes())) as reader:
        table: pd.DataFrame = reader.read_all().to_pandas()
    return table


def read_former_list(path: Path, nothing: pd.DataFrame) -> pd.DataFrame:
    """A list that a version before kept beside the store; nothing where it does not read."""
    try:
        table = pd.read_csv(
            path, dtype={"location": "str"}, keep_default_na=False, parse_dates=["time"]
        )
        return tidy(table, nothing)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return nothing


def show_lists(tables: Mapping[Path, pd.DataFrame]) -> None:
    """Writes lists as CSV for people to look at: nobody reads them back."""
    for path, table in tables.items():
        if table.empty and not path.exists():
            continue
        content = marked(table).to_csv(index=False, lineterminator="\n", date_format="%Y-%m-%d")
        text = content.encode("utf-8")
        if path.is_file() and path.read_bytes() == text:
            continue
        write_whole(path, text)


def delivered(cells: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """Which rows of a list lie on a location and day that the table speaks of."""
    if table.empty:
        return pd.Series(False, index=cells.index)
    days = pd.MultiIndex.from_frame(table[["time", "location"]].astype({"time": "datetime64[ns]"}))
    return pd.Series(
        pd.MultiIndex.from_frame(cells[["time", "location"]]).isin(days), index=cells.index
    )
