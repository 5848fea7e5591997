"""Documents hold any text, but for the signs that XML cannot hold."""

from xml.etree import ElementTree

from hypothesis import example, given
from hypothesis import strategies as st

from reports.text.xml import add, plain_text, read_xml, to_xml

anything = st.text(st.characters(exclude_categories=()))  # surrogates too


@given(anything, anything)
@example("\x00\x0b\ufffe\ud800", "\r\n\t\x85")
def test_a_document_of_any_text_is_read_back_without_what_xml_cannot_hold(
    text: str, value: str
) -> None:
    root = ElementTree.Element("a", title=value)
    add(root, "b", text, title=value)
    written = to_xml(root)
    read = read_xml(written.encode("utf-8"))
    assert read is not None
    assert (read[0].text or "") == plain_text(text).replace("\r\n", "\n").replace("\r", "\n")
    assert plain_text(plain_text(text)) == plain_text(text)
    assert root.get("title") == plain_text(value)


@given(anything)
def test_text_set_past_add_is_cleaned_too(text: str) -> None:
    root = ElementTree.Element("a")
    ElementTree.SubElement(root, "b").text = text
    assert read_xml(to_xml(root).encode("utf-8")) is not None
