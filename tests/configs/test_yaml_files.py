"""YAML within limits: nothing that fills the memory or ends in a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import ConfigError, load_region
from configs.yaml_files import YamlError, parse_yaml, read_yaml

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
WRONG = {
    "deep brackets": ("a: " + "[" * 5000 + "]" * 5000, "line 1: found more than 20 levels"),
    "deep keys": ("\n".join(" " * n + "a:" for n in range(100)), "found more than 20 levels"),
    "aliases of aliases": (LAUGHS, "values with its aliases written out, expected at most 100,000"),
    "an alias of itself": ("a: &a [*a]\n", "an alias stands within what it names"),
    "a long number": ("a: " + "9" * 5000, "found a number of 5,000 digits, expected at most 300"),
    "a long octal": ("a: 0" + "7" * 4000, "found a number of 4,001 digits"),
    "no such day": ("a: 2001-02-30\n", "a value that cannot be"),
    "a key twice": ("a: 1\na: 2\n", "the key 'a' stands twice"),
    "an object": ("a: !!python/object/apply:os.system [ls]\n", "not YAML as expected"),
    "an open bracket": ("a: [1\n", "line 2: it is not YAML as expected"),
}


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_no_person_writes_is_refused_in_one_sentence(text: str, words: str) -> None:
    with pytest.raises(YamlError, match=words) as caught:
        parse_yaml(text)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_anchors_may_save_words() -> None:
    text = "a: &warm [5, 10]\nb: *warm\n"
    assert parse_yaml(text) == {"a": [5, 10], "b": [5, 10]}


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("# " + "x" * 1_100_000)
    with pytest.raises(YamlError, match="it has 1,100,002 bytes, expected at most 1,000,000"):
        read_yaml(path)
    with pytest.raises(ConfigError, match=r"x.yaml: it has 1,100,002 bytes"):
        load_region(path)


@given(st.text(alphabet="ab:-[]{}&*!#'\" \n\t0123456789.", max_size=80))
def test_any_text_is_values_or_a_sentence(text: str) -> None:
    try:
        parse_yaml(text)
    except YamlError as error:
        assert str(error).endswith(".")
