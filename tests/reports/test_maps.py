"""Maps of the places by day: geometry, colours and words."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import shapely

from configs import Location, Region, load_region
from reports.exports.table import forecast_table
from reports.render.maps import MARGIN, WIDTH, HazardMap, hazard_map, sheet_of
from reports.render.place_names import names_on_map
from reports.text.language import language_of
from reports.view.outlook import (
    HazardOutlook,
    NamedLocation,
    Standing,
    hazard_outlooks,
    named_locations,
)

ENGLISH = language_of("en")


def points(path: str) -> list[tuple[float, float]]:
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", path)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


@pytest.fixture(scope="module")
def berkane() -> Region:
    return load_region("berkane")


def outlook_of(made, region: Region, hazard: str = "heat", **shape: object) -> HazardOutlook:
    ids = [place.id for place in region.locations]
    forecast = made(n_places=len(ids), hazards=(hazard,), **shape).forecast.assign_coords(
        location=ids
    )
    table = forecast_table(forecast)
    return hazard_outlooks(table, named_locations({i: i for i in ids}, region), (5, 10))[0]


def test_every_commune_of_berkane_is_drawn_inside_the_sheet_with_the_large_ones_first(
    berkane: Region,
) -> None:
    sheet = sheet_of(berkane)
    assert sheet is not None and set(sheet.shapes) == {place.id for place in berkane.locations}
    for shape in sheet.shapes.values():
        for x, y in points(shape.path):
            assert MARGIN <= x <= WIDTH - MARGIN and MARGIN <= y <= sheet.height - MARGIN
    rings = [shapely.Polygon(points(shape.path.split("Z")[0])) for shape in sheet.shapes.values()]
    assert rings[0].area > rings[-1].area
    inside = [
        ring.buffer(0).contains(shapely.Point(shape.at))
        for ring, shape in zip(rings, sheet.shapes.values(), strict=True)
    ]
    assert all(inside), "the point of a place lies in it"


def test_the_map_keeps_north_up_and_the_shape_of_the_country() -> None:
    """At 60 degrees north a degree of longitude is half as long as one of latitude.

    2 x 1 degrees are a square.
    """
    corners = ((0.0, 59.5), (2.0, 59.5), (0.0, 60.5), (2.0, 60.5))
    found = tuple(Location(id=f"p{i}", longitude=x, latitude=y) for i, (x, y) in enumerate(corners))
    sheet = sheet_of(
        Region(name="r", title="R", sources=("a",), locations=found, path=Path("r.yaml"))
    )
    assert sheet is not None
    (x0, y0), (x1, _), (_, y2), _ = (sheet.shapes[f"p{i}"].at for i in range(4))
    assert y2 < y0 and x1 > x0
    assert (x1 - x0) == pytest.approx(y0 - y2, rel=0.01)


@pytest.mark.parametrize(
    "locations",
    [(), (Location(id="a", latitude=1, longitude=1),), (Location(id="a"), Location(id="b"))],
)
def test_a_region_without_places_to_draw_has_no_map(locations: tuple[Location, ...]) -> None:
    assert (
        sheet_of(
            Region(name="r", title="R", sources=("a",), locations=locations, path=Path("r.yaml"))
        )
        is None
    )


def test_a_map_has_the_colours_of_the_table_and_the_worst_one_the_highest(
    made, berkane: Region
) -> None:
    outlook, sheet = outlook_of(made, berkane), sheet_of(berkane)
    found = hazard_map(outlook, sheet, ENGLISH)
    assert (
        isinstance(found, HazardMap) and sheet is not None and len(found.days) == len(outlook.slots)
    )
    for place, row in outlook.rows:
        shape = sheet.shapes[place.id].id
        for day, cell in zip(found.days, row, strict=True):
            patch = next(patch for patch in day.patches if patch.shape == shape)
            assert cell is not None and patch.colour == cell.colour and place.name in patch.words
        order = ["", "grey", "green", "yellow", "orange", "red"]
        worst = next(patch for patch in found.worst.patches if patch.shape == shape)
        assert worst.colour == max((cell.colour for cell in row if cell), key=order.index)


def test_a_map_shows_what_is_not_confirmed_as_that(made, berkane: Region) -> None:
    outlook, sheet = outlook_of(made, berkane, colour="grey"), sheet_of(berkane)
    place = outlook.rows[0][0]
    stands = (Standing(place, "orange", date(2003, 6, 14)),)
    found = hazard_map(replace(outlook, standing=stands), sheet, ENGLISH)
    assert found is not None and sheet is not None
    (patch,) = [one for one in found.worst.patches if one.shape == sheet.shapes[place.id].id]
    assert (patch.colour, patch.words) == (
        "orange",
        f"{place.name}: Orange, not confirmed today",
    )
    kept = outlook_of(made, berkane, colour="red")  # beyond 5 days the numbers are the calendar's
    found = hazard_map(kept, sheet, ENGLISH)
    assert found is not None
    words = [[patch.words for patch in day.patches] for day in found.days]
    assert all("Red, not confirmed today" in said for said in words[9])
    assert not any("not confirmed" in said for said in words[0])


def test_every_commune_is_named_within_the_map_and_no_name_runs_into_another(
    berkane: Region,
) -> None:
    """By 6.2 units a letter; real widths are measured in a browser, in tests/browser."""
    sheet = sheet_of(berkane)
    assert sheet is not None
    for tag in ("en", "fr", "ar"):
        told = named_locations({one.id: one.id for one in berkane.locations}, berkane, tag)
        places = [(one, sheet.shapes[id].at) for id, one in told.items()]
        names = names_on_map(places, WIDTH, sheet.height)
        assert sorted(name.text for name in names) == sorted(one.name for one in told.values())
        assert names[0].text == told["berkane"].name, "the capital has the most people"
        assert names[0].at == sheet.shapes["berkane"].at, "and stands where it is"
        boxes = [
            shapely.box(
                n.at[0] - len(n.text) * 3.1,
                n.at[1] - 8,
                n.at[0] + len(n.text) * 3.1,
                n.at[1] + 2.5,
            )
            for n in names
        ]
        assert not any(a.intersects(b) for i, a in enumerate(boxes) for b in boxes[:i])
        assert all(shapely.box(0, 0, WIDTH, sheet.height).contains(box) for box in boxes)


def test_where_there_is_no_room_for_all_names_the_capital_is_named() -> None:
    crowd = [
        (NamedLocation(f"p{n}", "A place of a name", 100 + n), (50.0, 20.0)) for n in range(30)
    ]
    names = names_on_map(crowd, 120, 40)
    assert 1 <= len(names) < 30 and names[0].at == (50.0, 20.0)


def test_without_any_colour_there_is_no_map(made, berkane: Region) -> None:
    assert (
        hazard_map(outlook_of(made, berkane, silent=("heat",)), sheet_of(berkane), ENGLISH) is None
    )


@pytest.mark.usefixtures("without_paper")
def test_the_page_draws_every_shape_once_and_names_stay_text(
    made, berkane: Region, tmp_path: Path
) -> None:
    hostile = '<script>alert("x")</script>'
    first, *rest = berkane.locations
    region = berkane.model_copy(
        update={
            "locations": (
                first.model_copy(update={"names": {"en": hostile, "fr": first.names["fr"]}}),
                *rest,
            )
        }
    )
    ids = [place.id for place in region.locations]
    one = made(n_places=16, colour="red")
    one = replace(one, region=region, forecast=one.forecast.assign_coords(location=ids), history={})
    html = (one.publish(tmp_path / "day") / "report.en.html").read_text(encoding="utf-8")
    assert html.count('<path id="m') == 16 and 'class="f-red"' in html
    assert hostile not in html and "&lt;script&gt;" in html
    assert isinstance(one.table(), pd.DataFrame)
