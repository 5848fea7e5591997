"""XML: built from parts, never from text, and read without entities."""

from __future__ import annotations

import re
from xml.etree import ElementTree

_NO_XML = re.compile(
    "[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # what XML 1.0 cannot hold even escaped


def add(
    parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    """A new last child of ``parent``."""
    child = ElementTree.SubElement(parent, name, attributes)
    child.text = text
    return child


def plain_text(text: str) -> str:
    """A text without the signs that XML cannot hold."""
    return _NO_XML.sub("", text)


def to_xml(root: ElementTree.Element) -> str:
    """A whole indented document in UTF-8, without the signs that XML cannot hold.

    Equal trees give equal text.
    """
    for element in root.iter():
        element.attrib.update({key: plain_text(text) for key, text in element.attrib.items()})
        element.text = element.text and plain_text(element.text)
    ElementTree.indent(root)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        + ElementTree.tostring(root, encoding="unicode")
        + "\n"
    )


def read_xml(raw: bytes) -> ElementTree.Element | None:
    """The root of a document in UTF-8.

    None for what is no XML, or declares a document type or entities of its own.
    """
    try:
        text = raw.decode("utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            return None
        return ElementTree.fromstring(text)  # noqa: S314 (no document type, so no entities)
    except (UnicodeDecodeError, ValueError, ElementTree.ParseError):
        return None
