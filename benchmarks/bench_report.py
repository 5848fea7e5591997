"""A report of 16 communes and 4 hazards in 3 languages, part by part, beside the plainest files of
the same numbers; CPU seconds."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from types import ModuleType

from timing import REPEATS

from configs import load_region
from reports import publish
from reports.exports.chain import alerts
from reports.exports.geojson import write_geojson
from reports.exports.netcdf import write_netcdf
from reports.exports.table import write_csv
from reports.render.html import to_html, to_print
from reports.render.pdf import pdf_of
from reports.render.report import ReportInputs, build_page, languages_of
from reports.view.outlines import outlines

HAZARDS = ("heat", "flash_flood", "river_flood", "drought")
MOST = 20.0
"""CPU seconds that a report may take."""


def forecasts() -> ModuleType:
    """The maker of forecasts that the tests of reports use; their folder is no package."""
    name = "made_up_forecasts"
    spec = importlib.util.spec_from_file_location(
        name, Path(__file__).parents[1] / "tests" / "reports" / "conftest.py"
    )
    if spec is None or spec.loader is None:
        raise SystemExit("tests/reports/conftest.py is not there")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the quickest of REPEATS runs."""
    found = []
    for _ in range(REPEATS):
        start = process_time()
        work()
        found.append(process_time() - start)
    return min(found)


def main() -> None:
    one = forecasts().make_for(load_region("berkane"), hazards=HAZARDS)
    table, shapes, folder = one.table(), outlines(one.region), Path(tempfile.mkdtemp())
    told = one.forecast, one.scores, one.history, one.region, one.provenance
    inputs = ReportInputs(one.forecast, table, one.scores, one.history, one.region, one.provenance)
    languages = languages_of(one.region)
    sheets = [to_print(build_page(inputs, lang)) for lang in languages]
    chances = table[table["level"] == 1].pivot(
        index="location", columns=["hazard", "lead_days", "window_days"], values="probability"
    )
    plain = (
        f"<!doctype html><meta "
        f"charset='utf-8'><title>x</"
        f"title>{''.join(rows.T.to_html() for _, rows in chances.T.groupby('hazard'))}"
    )

    def files() -> None:
        write_csv(table, folder / "forecast.csv")
        write_netcdf(one.forecast, folder / "forecast.nc")
        write_geojson(table, one.region, folder / "forecast.geojson", "", shapes)
        alerts(table, one.region, "", None, shapes)

    def plain_files() -> None:
        table.to_csv(folder / "plain.csv")
        one.forecast.to_netcdf(folder / "plain.nc", engine="h5netcdf")
        (folder / "plain.json").write_text(json.dumps(table.to_dict("records"), default=str))

    parts = {
        "pages": (
            lambda: [to_html(build_page(inputs, lang)) for lang in languages],
            lambda: [chances.to_html() for _ in languages],
        ),
        "PDFs": (
            lambda: [pdf_of(sheet) for sheet in sheets],
            lambda: [pdf_of(plain) for _ in sheets],
        ),
        "other files": (files, plain_files),
    }
    print(
        f"{len(one.region.locations)} communes x {len(HAZARDS)} hazards x {len(languages)} "
        f"languages, best of {REPEATS}; CPU seconds"
    )
    print(f"{'part':<13}{'report':>8}{'plain':>8}{'ratio':>8}")
    for name, (work, floor) in parts.items():
        ours, least = seconds(work), seconds(floor)
        print(f"{name:<13}{ours:>8.2f}{least:>8.2f}{ours / least:>7.2f}x")
    whole = seconds(lambda: publish(*told, Path(tempfile.mkdtemp(dir=folder)) / "day"))
    print(f"{'the whole':<13}{whole:>8.2f}{MOST:>8.2f}{whole / MOST:>7.2f}x of what it may take")


if __name__ == "__main__":
    main()
