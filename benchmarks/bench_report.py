"""A report of 16 communes and 4 hazards in 3 languages, part by part, beside the plainest files of
the same numbers; CPU seconds.

Sheets of paper of a quiet day and of one with all colours are counted besides.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from time import process_time
from types import ModuleType

from pypdf import PdfReader
from timing import REPEATS

from configs import load_region
from reports import publish
from reports.exports.chain import alerts
from reports.exports.geojson import write_geojson
from reports.exports.netcdf import write_netcdf
from reports.exports.table import write_csv
from reports.render import papers
from reports.render.html import (
    Links,
    to_brief,
    to_card,
    to_details,
    to_html,
    to_place,
    to_print,
)
from reports.render.pdf import pdf_of
from reports.render.report import Page, ReportInputs, build_page, languages_of
from reports.view.outlines import outlines

HAZARDS = ("heat", "flash_flood", "river_flood", "drought")
MOST, MOST_WITHOUT_PAPERS = 12.0, 3.0
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


def pages_of(page: Page) -> list[str]:
    """Every page for a screen in the page's language."""
    places = [to_place(page, row) for row in page.place_rows]
    return [to_html(page, Links()), to_details(page, Links()), *places]


def sheets_of(pdf: bytes) -> int:
    return len(PdfReader(BytesIO(pdf)).pages)


def main() -> None:
    maker = forecasts()
    one = maker.make_for(load_region("berkane"), hazards=HAZARDS)
    table, shapes, folder = one.table(), outlines(one.region), Path(tempfile.mkdtemp())
    told = one.forecast, one.scores, one.history, one.region, one.provenance
    inputs = ReportInputs(*told[:1], table, *told[1:], record=one.record)
    languages = languages_of(one.region)
    built = [build_page(inputs, lang) for lang in languages]
    sheets = [to_print(page) for page in built]
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
            lambda: [pages_of(build_page(inputs, lang)) for lang in languages],
            lambda: [chances.to_html() for _ in languages],
        ),
        "PDFs": (
            lambda: [pdf_of(sheet) for sheet in sheets],
            lambda: [pdf_of(plain) for _ in sheets],
        ),
        "briefs": (
            lambda: [pdf_of(to_brief(page, "")) for page in built],
            lambda: [pdf_of(plain) for _ in sheets],
        ),
        "cards": (
            lambda: [papers.png_of(to_card(page, "")) for page in built],
            lambda: [papers.png_of(plain) for _ in sheets],
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

    def whole() -> None:
        publish(*told, Path(tempfile.mkdtemp(dir=folder)) / "day", record=one.record)

    rows = [("the whole", seconds(whole), MOST)]
    papers.pdf_of = maker.no_paper
    rows.append(("no papers", seconds(whole), MOST_WITHOUT_PAPERS))
    for name, ours, most in rows:
        print(f"{name:<13}{ours:>8.2f}{most:>8.2f}{ours / most:>7.2f}x of what it may take")
    quiet = maker.make_for(one.region, hazards=HAZARDS, colour="green")
    for name, day in (("quiet", quiet), ("all colours", one)):
        counts = [sheets_of(pdf_of(day.print_page(lang.tag))) for lang in languages]
        print(f"sheets, {name}: {', '.join(map(str, counts))}")


if __name__ == "__main__":
    main()
