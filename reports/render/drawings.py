"""Drawings on paper: each chart and map as a picture of its own, with the style it needs.

WeasyPrint would lay each line of an inline drawing out as an element of the page, knows no style
across drawings, and draws their text letter by letter from the left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from arabic_reshaper import ArabicReshaper
from bidi.algorithm import get_display
from markupsafe import Markup

from reports.render.maps import Box, DayMap, Sheet
from reports.text.language import runs_from_the_right, without_isolates
from reports.text.xml import plain_text

FAMILY = "Report"
SVG_ADDRESS = "data:image/svg+xml,"
TEMPLATES = Path(__file__).parent / "templates"
_SHAPER = ArabicReshaper({"delete_harakat": False})


@dataclass(frozen=True)
class Layer:
    """Locations of one colour as one SVG path."""

    colour: str
    path: str


def drawing(kind: str, description: str, box: str, drawn: Markup) -> Markup:
    """An <img> that holds a drawing: ``kind`` is its class, ``box`` its viewBox."""
    start = Markup('<svg xmlns="http://www.w3.org/2000/svg" class="{}" viewBox="{}">')
    svg = plain_text(start.format(kind, box) + _shared() + drawn + Markup("</svg>"))
    address = SVG_ADDRESS + quote(svg, safe=" /:;=<>,()#.-+")
    address = address.replace("#", "%23")
    return Markup('<img class="{}" alt="{}" src="{}">').format(kind, description, address)


@cache
def _shared() -> Markup:
    """Style and patterns of every drawing."""
    rules = [(TEMPLATES / name).read_text(encoding="utf-8") for name in ("charts.css", "maps.css")]
    extra = (TEMPLATES / "drawings.css").read_text(encoding="utf-8")
    style = "".join((*rules, extra)).replace("\n", "")
    patterns = (TEMPLATES / "patterns.svg").read_text(encoding="utf-8").replace("\n", "")
    return Markup(f"<style>{style}</style><defs>{patterns}</defs>")  # noqa: S704 (files of ours)


def in_order_of_the_eye(text: str) -> str:
    """A text as it is seen from left to right: Arabic letters joined, in reverse."""
    bare = without_isolates(text)
    return get_display(_SHAPER.reshape(bare)) if runs_from_the_right(bare) else text


def layers(sheet: Sheet, day: DayMap) -> list[Layer]:
    """A map in few shapes: those of one colour together, from the back to the front.

    A shape within the bounds of another stays in front of it: one location may lie inside another.
    """
    shapes = {shape.id: shape for shape in sheet.shapes.values()}
    stacked: list[tuple[str, list[str]]] = []
    for patch in day.patches:
        shape = shapes[patch.shape]
        for colour, ids in reversed(stacked):
            if colour == patch.colour:
                ids.append(shape.id)
                break
            if any(_within(shape.box, shapes[other].box) for other in ids):
                stacked.append((patch.colour, [shape.id]))
                break
        else:
            stacked.append((patch.colour, [shape.id]))
    return [Layer(colour, "".join(shapes[id].path for id in ids)) for colour, ids in stacked]


def _within(inner: Box, outer: Box) -> bool:
    return (
        inner[0] >= outer[0]
        and inner[1] >= outer[1]
        and inner[2] <= outer[2]
        and inner[3] <= outer[3]
    )
