"""Maps of the cells of a grid: a picture for each hazard, made from forecast.zarr."""

from __future__ import annotations

import io
import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from configs import Region
from reports.text.formatting import COLOUR_WORDS
from reports.text.language import Language
from reports.view.outlines import Outline, outlines
from reports.view.outlook import FILL, RISING, HazardOutlook, hazard_title

if TYPE_CHECKING:  # both are slow to import, and only reports of grids need them
    import xarray as xr
    from PIL import Image

SHADES = {"": "#ffffff", "grey": "#e6e9eb"} | {colour: FILL[colour] for colour in RISING}
"""Colours as other maps have them, from the lowest; "" of cells without a number."""
PNG_ADDRESS = "data:image/png;base64,"
LINE = "#14252d"
WIDTH, MAX_HEIGHT = 900, 1260
"""Pixels of a picture at most."""
MAX_VERTICES = 200


@dataclass(frozen=True)
class CellPicture:
    """A hazard's cells: a PNG as a data URL, and how many cells have each colour, highest first."""

    address: str
    counts: Mapping[str, int]


@dataclass(frozen=True)
class CellMap:
    """A picture with its words. ``keys``: each colour there is, with what is said of it."""

    title: str
    description: str
    address: str
    keys: tuple[tuple[str, str], ...]


def cell_pictures(cells: Path | None, region: Region) -> dict[str, CellPicture]:
    """A picture of each hazard: the highest colour of each cell in the days ahead.

    ``cells``: the Zarr of ``flows.cells.create_cells``; none of a region without a grid. Of a grid
    with more cells than a picture has pixels, each pixel shows the highest of its cells. Outlines
    are those of the region's boundaries. Equal cells give equal bytes.
    """
    if cells is None:
        return {}
    import xarray as xr

    with xr.open_zarr(cells, mask_and_scale=False) as forecast:
        box, drawn = _box(forecast), list(outlines(region, MAX_VERTICES).values())
        names, pictures = forecast["hazard"].values.tolist(), {}
        for name in dict.fromkeys(names):
            own = [number for number, other in enumerate(names) if other == name]
            colours = _highest(forecast["colour"].isel(cell=own))
            counts = np.bincount(colours.ravel(), minlength=len(SHADES))
            pictures[name] = CellPicture(
                _address(_painted(colours, box, drawn)),
                {colour: int(counts[n]) for n, colour in reversed([*enumerate(SHADES)]) if colour},
            )
    return pictures


def _box(forecast: xr.Dataset) -> tuple[float, float, float, float]:
    """West, south, east and north of the grid, degrees."""
    latitude, longitude = forecast["latitude"].values, forecast["longitude"].values
    steps = [*np.diff(longitude)[:1], *-np.diff(latitude)[:1], 1.0]
    half = float(steps[0]) / 2
    west, east = float(longitude[0]) - half, float(longitude[-1]) + half
    return west, float(latitude[-1]) - half, east, float(latitude[0]) + half


def _highest(colours: xr.DataArray) -> np.ndarray:
    """The highest colour of each cell over leads: its number in SHADES, (latitude, longitude)."""
    order, number = [*SHADES], np.zeros(256, dtype=np.uint8)
    words = colours.attrs["flag_meanings"].split()
    for value, word in zip(colours.attrs["flag_values"], words, strict=True):
        number[value] = order.index(word)
    return number[colours.values].max(axis=0)


def _painted(
    colours: np.ndarray, box: tuple[float, float, float, float], drawn: list[Outline]
) -> Image.Image:
    """Cells as rectangles, in equirectangular projection, and outlines over them."""
    from PIL import Image, ImageDraw

    west, south, east, north = box
    shrink = math.cos(math.radians((south + north) / 2))
    scale = min(WIDTH / ((east - west) * shrink), MAX_HEIGHT / (north - south))
    size = (
        max(round((east - west) * shrink * scale), 1),
        max(round((north - south) * scale), 1),
    )
    rows, columns = colours.shape
    fewer = max(-(-columns // size[0]), -(-rows // size[1]))
    if fewer > 1:
        padded = np.pad(colours, ((0, -rows % fewer), (0, -columns % fewer)))
        colours = padded.reshape(len(padded) // fewer, fewer, -1, fewer).max(axis=(1, 3))
    picture = Image.frombytes("P", colours.shape[::-1], colours.tobytes())
    palette = [int(code[n : n + 2], 16) for code in (*SHADES.values(), LINE) for n in (1, 3, 5)]
    picture.putpalette(palette)
    picture = picture.resize(size, Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(picture)
    for outline in drawn:
        for ring in outline.polygons:
            corners = [
                ((x - west) / (east - west) * size[0], (north - y) / (north - south) * size[1])
                for x, y in ring
            ]
            pen.line(corners, fill=len(SHADES), width=2)
    return picture


def _address(picture: Image.Image) -> str:
    written = io.BytesIO()
    picture.save(written, "PNG", optimize=True)
    return PNG_ADDRESS + b64encode(written.getvalue()).decode()


def cell_map(
    hazard: HazardOutlook, pictures: Mapping[str, CellPicture], lang: Language
) -> CellMap | None:
    """The map of a hazard's cells; None where there is no picture of it or no cell has a colour."""
    picture = pictures.get(hazard.name)
    if picture is None or not any(picture.counts.values()):
        return None
    title = hazard_title(hazard.name, lang)
    keys = tuple(
        (
            colour,
            lang.say(
                "{hazard}: {places}",
                hazard=lang.say(COLOUR_WORDS[colour]),
                places=lang.number(count),
            ),
        )
        for colour, count in picture.counts.items()
        if count
    )
    told = ". ".join(words for _, words in keys)
    sentence = "{hazard}: the highest colour of each cell in the days ahead. {counts}."
    description = lang.say(sentence, hazard=title, counts=told)
    return CellMap(title, description, picture.address, keys)
