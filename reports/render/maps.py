"""Maps of the locations by day.

Shapes in a small coordinate system, the colour of each, and what it says in words.

Equirectangular, with longitudes shortened by the cosine of the middle latitude: exact enough for a
province.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import shapely

from configs import Region
from reports.render.place_names import Name, names_on_map
from reports.text.formatting import COLOUR_WORDS
from reports.text.language import Language, isolate
from reports.view.chances import of_level
from reports.view.outlines import Outline, outlines
from reports.view.outlook import HazardOutlook, NamedLocation, RiskCell, hazard_title, rank
from reports.view.slots import Slot, slot_label, slot_title

WIDTH, MAX_HEIGHT, MARGIN = 300.0, 420.0, 8.0
MAX_VERTICES = 60
DOT = 0.035  # of the width: the radius of a place without an outline
Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shape:
    """A location on the map.

    Its id there, its SVG path (user units), the point its name or sign stands at, and its bounds
    (west, north, east, south; of a dot its westernmost point).
    """

    id: str
    path: str
    at: Point
    box: Box


@dataclass(frozen=True)
class Sheet:
    """The region drawn once.

    ``shapes`` by location id, the largest first, in a box of WIDTH by ``height``.
    """

    height: float
    shapes: Mapping[str, Shape]


@dataclass(frozen=True)
class Patch:
    """A location in one map: which shape, its colour ("" for none), and what to say of it."""

    shape: str
    at: Point
    colour: str
    words: str


@dataclass(frozen=True)
class DayMap:
    """One map: the day or window it is of in two lines, the same in words, and its patches."""

    label: tuple[str, str]
    description: str
    patches: tuple[Patch, ...]

    @property
    def tells(self) -> bool:
        """Whether any place has a colour that tells more than the calendar."""
        return any(rank(patch.colour) >= 0 for patch in self.patches)


@dataclass(frozen=True)
class HazardMap:
    """A hazard's maps.

    The highest colour of each location over all days, then one for each day.
    """

    title: str
    worst: DayMap
    days: tuple[DayMap, ...]


def sheet_of(region: Region) -> Sheet | None:
    """The region's locations as shapes.

    Outlines where there are any, else dots; None for fewer than two locations on the map.
    """
    drawn = outlines(region, MAX_VERTICES)
    points = {location.id: (location.longitude, location.latitude) for location in region.locations}
    dots = {
        i: (x, y)
        for i, (x, y) in points.items()
        if i not in drawn and x is not None and y is not None
    }
    corners = [
        corner for outline in drawn.values() for ring in outline.polygons for corner in ring
    ] + list(dots.values())
    if len(drawn) + len(dots) < 2 or len(set(corners)) < 2:
        return None
    project, height = _projection(corners, pad=0.0 if drawn else DOT * 2)
    drawings = {i: _outlined(outline, project) for i, outline in drawn.items()} | {
        i: _dotted(project(dot)) for i, dot in dots.items()
    }
    order = sorted(drawings, key=lambda i: (-drawings[i].area, i))
    return Sheet(height, {i: drawings[i].named(f"m{n}") for n, i in enumerate(order)})


@dataclass(frozen=True)
class _Drawn:
    """A shape before it has an id; ``area`` in square user units."""

    path: str
    at: Point
    box: Box
    area: float

    def named(self, name: str) -> Shape:
        return Shape(name, self.path, self.at, self.box)


def _projection(corners: Sequence[Point], pad: float) -> tuple[Callable[[Point], Point], float]:
    """Degrees to user units, and the height of the map.

    ``pad`` is left free around, as a share of the width.
    """
    xs, ys = zip(*corners, strict=True)
    shrink = math.cos(math.radians((min(ys) + max(ys)) / 2))
    wide, high = max((max(xs) - min(xs)) * shrink, 1e-6), max(max(ys) - min(ys), 1e-6)
    free = MARGIN + pad * WIDTH
    scale = min((WIDTH - 2 * free) / wide, (MAX_HEIGHT - 2 * free) / high)
    left = (WIDTH - wide * scale) / 2

    def project(corner: Point) -> Point:
        return round(left + (corner[0] - min(xs)) * shrink * scale, 1), round(
            free + (max(ys) - corner[1]) * scale, 1
        )

    return project, round(high * scale + 2 * free, 1)


def _outlined(outline: Outline, project: Callable[[Point], Point]) -> _Drawn:
    """The shape of an outline; its area is that of the largest ring."""
    rings = [[project(corner) for corner in ring] for ring in outline.polygons]
    path = "".join("M" + " ".join(f"{x:g} {y:g}" for x, y in ring[:-1]) + "Z" for ring in rings)
    largest = max((shapely.Polygon(ring) for ring in rings), key=lambda polygon: polygon.area)
    inside = (
        shapely.maximum_inscribed_circle(largest) if largest.is_valid and largest.area else largest
    )
    centre = (
        shapely.get_point(inside, 0)
        if inside.geom_type == "LineString"
        else largest.representative_point()
    )
    xs, ys = zip(*(corner for ring in rings for corner in ring), strict=True)
    box = (min(xs), min(ys), max(xs), max(ys))
    return _Drawn(path, (round(centre.x, 1), round(centre.y, 1)), box, largest.area)


def _dotted(at: Point) -> _Drawn:
    """A dot, for a location without an outline."""
    radius, (x, y) = round(DOT * WIDTH, 1), at
    path = (
        f"M{x - radius:g} {y:g}a{radius} {radius} 0 1 0 {2 * radius:g} 0"
        f"a{radius} {radius} 0 1 0 {-2 * radius:g} 0Z"
    )
    return _Drawn(path, at, (x - radius, y, x - radius, y), 0.0)


def hazard_map(hazard: HazardOutlook, sheet: Sheet | None, lang: Language) -> HazardMap | None:
    """The hazard's maps; None without a sheet or where nothing has a colour."""
    coloured = hazard.standing or any(cell.colour for _, _, cell in hazard.cells())
    if sheet is None or not coloured:
        return None
    here = [(location, row) for location, row in hazard.rows if location.id in sheet.shapes]
    title = hazard_title(hazard.name, lang)
    rising = sorted(hazard.standing, key=lambda standing: rank(standing.colour))
    stands = {standing.location.id: standing.colour for standing in rising}
    worst = DayMap(
        (lang.say("Highest colour in the days ahead"), ""),
        lang.say("{hazard}: the highest colour of each place in the days ahead.", hazard=title),
        _ordered(
            sheet,
            [
                _patch(location, _worst(row), sheet, lang, stands.get(location.id, ""))
                for location, row in here
            ],
        ),
    )
    days = tuple(
        _day(title, slot, [(location, row[i]) for location, row in here], sheet, lang)
        for i, slot in enumerate(hazard.slots)
    )
    return HazardMap(
        title,
        worst,
        tuple(day for day in days if any(patch.colour for patch in day.patches)),
    )


def _worst(row: Sequence[RiskCell | None]) -> RiskCell | None:
    """The cell of the highest colour, and of those the highest chance of its level.

    Grey only where there is no other.
    """
    cells = [cell for cell in row if cell and cell.colour]
    return max(
        cells,
        key=lambda cell: (
            rank(cell.colour),
            -1.0 if math.isnan(cell.chance[cell.level]) else cell.chance[cell.level],
        ),
        default=None,
    )


def _day(
    title: str,
    slot: Slot,
    cells: Sequence[tuple[NamedLocation, RiskCell | None]],
    sheet: Sheet,
    lang: Language,
) -> DayMap:
    named = " ".join(slot_title(slot, lang))
    return DayMap(
        slot_label(slot, lang) if slot.kind == "any" else slot_title(slot, lang),
        lang.say("{hazard}, {day}: the colour of each place.", hazard=title, day=named),
        _ordered(sheet, [_patch(location, cell, sheet, lang) for location, cell in cells]),
    )


def _patch(
    location: NamedLocation, cell: RiskCell | None, sheet: Sheet, lang: Language, stands: str = ""
) -> Patch:
    """The location in the colour of a cell, or in that which ``stands`` where it is higher."""
    shape = sheet.shapes[location.id]
    if rank(stands) > rank(cell.colour if cell else ""):
        return Patch(shape.id, shape.at, stands, _unconfirmed(location, stands, lang))
    if cell and cell.stands:
        return Patch(shape.id, shape.at, cell.colour, _unconfirmed(location, cell.colour, lang))
    if cell is None or not cell.colour:
        return Patch(
            shape.id,
            shape.at,
            "",
            lang.say("{place}: no number", place=isolate(location.name, lang)),
        )
    words = lang.say(
        "{place}: {colour}, {chance}",
        place=isolate(location.name, lang),
        colour=lang.say(COLOUR_WORDS[cell.colour]),
        chance=of_level(cell, cell.level, lang),
    )
    return Patch(shape.id, shape.at, cell.colour, words)


def _unconfirmed(location: NamedLocation, colour: str, lang: Language) -> str:
    return lang.say(
        "{place}: {colour}, not confirmed today",
        place=isolate(location.name, lang),
        colour=lang.say(COLOUR_WORDS[colour]),
    )


def _ordered(sheet: Sheet, patches: Sequence[Patch]) -> tuple[Patch, ...]:
    """Large locations first, so that a small one inside another is seen."""
    order = [shape.id for shape in sheet.shapes.values()]
    return tuple(sorted(patches, key=lambda patch: order.index(patch.shape)))


@dataclass(frozen=True)
class BriefMap:
    """A hazard's map in the brief: the days in words, and names on the large one alone."""

    title: str
    map: DayMap
    names: tuple[Name, ...]


def brief_maps(
    maps: Sequence[HazardMap],
    locations: Sequence[NamedLocation],
    sheet: Sheet | None,
) -> tuple[BriefMap, ...]:
    """Maps of the hazards, the first one large with the names of the locations."""
    if sheet is None:
        return ()
    places = [(one, sheet.shapes[one.id].at) for one in locations if one.id in sheet.shapes]
    names = names_on_map(places, WIDTH, sheet.height) if maps else ()
    return tuple(BriefMap(one.title, one.worst, () if n else names) for n, one in enumerate(maps))
