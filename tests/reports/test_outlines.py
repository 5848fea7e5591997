import json
from pathlib import Path

import pytest
import shapely

from configs import Location, Region, RiskError, load_region
from reports.view.boundary_check import drawable
from reports.view.outlines import outlines

SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]


def feature(geometry, number=None, **properties):
    return {"type": "Feature", "properties": properties, "geometry": geometry} | (
        {} if number is None else {"id": number}
    )


def polygon(*rings):
    return {"type": "Polygon", "coordinates": list(rings)}


def moved(ring, east, north=0.0, scale=1.0):
    return [[x * scale + east, y * scale + north] for x, y in ring]


def region_of(folder: Path, content, *places: Location) -> Region:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / "borders.geojson").write_bytes(text)
    return Region(
        name="x",
        title="X",
        sources=("station_files",),
        locations=places,
        boundaries="borders.geojson",
        path=folder / "x.yaml",
    )


def collection(*features):
    return {"type": "FeatureCollection", "features": list(features)}


A, B = (
    Location(id="a", names={"en": "Aïn Reggada", "ar": "عين الركادة"}),
    Location(id="b", names={"fr": "Saïdia"}),
)


@pytest.mark.parametrize("most", [5, 20, 60, 100, 1000])
def test_berkanes_communes_fit_and_have_few_vertices(most):
    region = load_region("berkane")
    found = outlines(region, most)
    assert list(found) == [place.id for place in region.locations]
    for place in region.locations:
        rings = found[place.id].polygons
        assert rings and sum(map(len, rings)) <= most
        assert all(
            ring[0] == ring[-1] and len(ring) >= 4 and shapely.LinearRing(ring).is_ccw
            for ring in rings
        )
    if most >= 60:
        solid = [
            shapely.union_all([shapely.Polygon(ring) for ring in outline.polygons])
            for outline in found.values()
        ]
        assert all(geometry.is_valid for geometry in solid)
        together = shapely.union_all(solid).area
        assert (
            sum(geometry.area for geometry in solid) - together < 0.01 * together
        )  # hardly an overlap
        points = shapely.points([(place.longitude, place.latitude) for place in region.locations])
        assert sum(shapely.contains(solid, points)) >= 15


def test_neighbours_share_their_simplified_border(tmp_path: Path):
    wave = [[1 + 0.01 * (i % 2), i / 400] for i in range(401)]
    left, right = [[0, 0], *wave, [0, 1], [0, 0]], [[2, 0], [2, 1], *reversed(wave), [2, 0]]
    found = outlines(
        region_of(
            tmp_path, collection(feature(polygon(left), "a"), feature(polygon(right), "b")), A, B
        ),
        50,
    )
    one, two = (shapely.Polygon(found[name].polygons[0]) for name in "ab")
    assert one.intersection(two).area == 0
    assert one.union(two).area == pytest.approx(2)


MATCHES = {
    "the feature's id": (feature(polygon(SQUARE), "a"), feature(polygon(moved(SQUARE, 1)), "b")),
    "a property": (
        feature(polygon(SQUARE), code=1, key="A"),
        feature(polygon(moved(SQUARE, 1)), code=2, key="B"),
    ),
    "names": (
        feature(polygon(SQUARE), nom="ain reggada"),
        feature(polygon(moved(SQUARE, 1)), nom="SAÏDIA "),
    ),
    "a province called like a place": (
        feature(polygon(SQUARE), p="Saidia", q="a"),
        feature(polygon(moved(SQUARE, 1)), p="Saidia", q="b"),
    ),
    "strangers beside": (
        feature(polygon(SQUARE), q="a"),
        feature(polygon(moved(SQUARE, 1)), q="b"),
        feature(None, q="elsewhere"),
    ),
}


@pytest.mark.parametrize("features", MATCHES.values(), ids=MATCHES.keys())
def test_features_are_found_by_id_or_name(tmp_path: Path, features):
    found = outlines(region_of(tmp_path, collection(*features), A, B))
    assert [shapely.Polygon(found[name].polygons[0]).centroid.x for name in "ab"] == pytest.approx(
        [0.5, 1.5]
    )


def test_parts_of_a_place_are_together_and_its_holes_are_left_out(tmp_path: Path):
    hole = moved(SQUARE, 0.4, 0.4, 0.2)
    island = feature(polygon(moved(SQUARE, 3, 0, 0.1)), "a")
    found = outlines(
        region_of(tmp_path, collection(island, feature(polygon(SQUARE, hole), "a")), A)
    )
    assert [len(ring) for ring in found["a"].polygons] == [5, 5]
    assert [shapely.Polygon(ring).area for ring in found["a"].polygons] == pytest.approx(
        [1, 0.01]
    )  # the largest first


def test_the_smallest_islands_are_left_out_where_there_are_too_many(tmp_path: Path):
    islands = [polygon(moved(SQUARE, 2 * i, 0, 1 / (1 + i)))["coordinates"] for i in range(60)]
    found = outlines(
        region_of(
            tmp_path, collection(feature({"type": "MultiPolygon", "coordinates": islands}, "a")), A
        )
    )
    rings = found["a"].polygons
    assert sum(map(len, rings)) <= 100 and len(rings) == 10
    assert shapely.Polygon(rings[0]).area == pytest.approx(1)


def test_a_bow_tie_becomes_two_triangles(tmp_path: Path):
    tie = [[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]
    found = outlines(region_of(tmp_path, collection(feature(polygon(tie), "a")), A))
    assert [shapely.Polygon(ring).area for ring in found["a"].polygons] == pytest.approx(
        [0.25, 0.25]
    )


def test_without_boundaries_there_are_no_outlines():
    assert outlines(load_region("tunis")) == {}


def nested(depth: int):
    """A collection of a collection of a ... polygon."""
    geometry = polygon(SQUARE)
    for _ in range(depth):
        geometry = {"type": "GeometryCollection", "geometries": [geometry]}
    return geometry


WRONG = {
    "deep brackets": (b'{"features": ' + b"[" * 200_000, "it is not JSON"),
    "a long number": (b'{"features": ' + b"9" * 5_000 + b"}", "it is not JSON"),
    "a number beyond all": (
        b'{"type": "FeatureCollection", "features": [{"id": "a", "geometry": {"type": "Polygon", '
        b'"coordinates": [[[1e999, 0], [1, 0], [1, 1], [1e999, 0]]]}}]}',
        "the geometry of location 'a' is not GeoJSON|outside of the world",
    ),
    "not JSON": (b"\xff\xfe{", "it is not JSON in UTF-8, expected a GeoJSON FeatureCollection"),
    "cut off": (b'{"type": "FeatureCollection", "features": [', "it is not JSON"),
    "a list": ([1], "found no features"),
    "a geometry": (polygon(SQUARE), "found no features"),
    "features of text": ({"type": "FeatureCollection", "features": ["a"]}, "found no features"),
    "no names": (
        collection(feature(polygon(SQUARE))),
        "no feature has an id or a property that is text",
    ),
    "a place missing": (
        collection(feature(polygon(SQUARE), "b")),
        "found no feature for location 'a', expected one polygon or more",
    ),
    "a point": (
        collection(feature({"type": "Point", "coordinates": [0, 0]}, "a")),
        "found no feature for location 'a', expected one polygon",
    ),
    "no geometry": (collection(feature(None, "a")), "the geometry of location 'a' is not GeoJSON"),
    "a line as ring": (
        collection(feature(polygon([[0, 0], [1, 1]]), "a")),
        "the geometry of location 'a' is not GeoJSON",
    ),
    "words": (
        collection(feature(polygon([["x", "y"]] * 4), "a")),
        "the geometry of location 'a' is not GeoJSON",
    ),
    "metres": (
        collection(feature(polygon([[x * 5e5, y * 5e5] for x, y in SQUARE]), "a")),
        "outside of the world, expected degrees",
    ),
    "NaN": (
        collection(feature(polygon([[float("nan"), 1], [1, 0], [1, 1], [0, 1]]), "a")),
        "the geometry of location 'a' is not GeoJSON",
    ),
}


@pytest.mark.parametrize(("content", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_file_that_cannot_be_used_is_told_in_one_sentence(tmp_path: Path, content, sentence):
    with pytest.raises(RiskError, match=sentence) as caught:
        outlines(region_of(tmp_path, content, A))
    assert "borders.geojson" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("depth", [2, 90, 300])
def test_collections_of_collections_are_outlines_or_a_sentence(tmp_path: Path, depth: int):
    try:
        assert outlines(region_of(tmp_path, collection(feature(nested(depth), "a")), A))
    except RiskError as error:
        assert "borders.geojson" in str(error) and "\n" not in str(error)


def test_a_file_beyond_any_need_is_refused_unread(tmp_path: Path):
    region = region_of(tmp_path, collection(), A)
    with (tmp_path / "borders.geojson").open("ab") as file:
        file.truncate(60_000_000)
    with pytest.raises(RiskError, match="it has 60,000,000 bytes, expected at most 50,000,000"):
        outlines(region)


def test_a_file_that_is_not_there_is_told(tmp_path: Path):
    region = region_of(tmp_path, collection(), A).model_copy(
        update={"boundaries": "elsewhere.geojson"}
    )
    with pytest.raises(RiskError, match="elsewhere.geojson: it cannot be read"):
        outlines(region)


def test_one_place_beyond_its_outline_is_on_no_map_and_takes_all_outlines_with_it(tmp_path: Path):
    places = [
        Location(id=name, latitude=latitude, longitude=0.5)
        for name, latitude in (("a", 0.5), ("b", 2.5))
    ]
    square = feature(polygon(SQUARE), "a")
    region = region_of(tmp_path, collection(square, feature(polygon(SQUARE), "b")), *places)
    drawn, words = drawable(region)
    assert (drawn.boundaries, drawn.day_offset) == (None, region.day_offset)
    assert [each.latitude for each in drawn.locations] == [0.5, None]
    assert "location b (2.5, 0.5)" in str(words) and "location a" not in str(words)
    whole = region_of(tmp_path, collection(square), places[0])
    assert drawable(whole) == (whole, None)


def test_boundaries_that_do_not_read_leave_the_places_as_dots(tmp_path: Path):
    region = region_of(tmp_path, b"no GeoJSON", Location(id="a", latitude=0.5, longitude=0.5))
    drawn, words = drawable(region)
    assert drawn.boundaries is None and drawn.locations[0].latitude == 0.5
    assert "not JSON" in str(words)


FIJI = [[179, -17], [-179, -17], [-179, -16], [179, -16], [179, -17]]
"""Two degrees wide, across the antimeridian, written as one ring."""


def test_a_polygon_across_the_antimeridian_is_split_there(tmp_path: Path):
    region = region_of(tmp_path, collection(feature(polygon(FIJI), id="b")), B)
    rings = outlines(region)["b"].polygons
    assert sorted(shapely.Polygon(ring).bounds for ring in rings) == [
        (-180, -17, -179, -16),
        (179, -17, 180, -16),
    ]
    assert all(shapely.LinearRing(ring).is_ccw for ring in rings)


def test_one_that_is_split_already_or_touches_it_stays_as_it_is(tmp_path: Path):
    west, east = moved(SQUARE, 179, 10), moved(SQUARE, -180, 10)
    parts = {"type": "MultiPolygon", "coordinates": [[west], [east]]}
    region = region_of(tmp_path, collection(feature(parts, id="b")), B)
    rings = outlines(region)["b"].polygons
    assert sorted(shapely.Polygon(ring).bounds for ring in rings) == [
        (-180, 10, -179, 11),
        (179, 10, 180, 11),
    ]


BERMUDA = [[-80.190262, 25.774252], [-66.118292, 18.466465], [-64.75737, 32.321384]]


@pytest.mark.parametrize("turned", [True, False])
@pytest.mark.parametrize(
    "kind",
    ["Polygon", "MultiPolygon"],
    ids=["allenhwkim/angularjs-google-maps#588", "Leaflet/Leaflet#2495"],
)
def test_a_triangle_with_latitude_first_is_drawn_nowhere(tmp_path: Path, kind: str, turned: bool):
    ring = [corner[::-1] if turned else corner for corner in [*BERMUDA, BERMUDA[0]]]
    rings = [ring] if kind == "Polygon" else [[ring]]
    place = Location(id="a", latitude=25.0, longitude=-70.0)
    shape = feature({"type": kind, "coordinates": rings}, "a")
    region = region_of(tmp_path, collection(shape), place)
    drawn, words = drawable(region)
    assert (drawn.boundaries is None) == turned
    assert words is None or "GeoJSON coordinates are longitude, latitude" in str(words)


def test_points_in_the_place_of_polygons_are_told(tmp_path: Path):
    """uwaterloo/OpenData#207: points, and with latitude first."""
    point = feature({"type": "Point", "coordinates": [43.468159, -80.543376]}, "a")
    region = region_of(
        tmp_path, collection(point), Location(id="a", latitude=43.5, longitude=-80.5)
    )
    drawn, words = drawable(region)
    assert drawn.boundaries is None and "expected one polygon or more" in str(words)
