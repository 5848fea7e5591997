"""YAML files as plain values: no objects, no key twice, and never more than a person would write.

Limits are far above any region file and far below what would fill the memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_VALUES = 100_000  # aliases written out
MAX_DIGITS = 300  # of a number; no double has more before its point


class YamlError(ValueError):
    """A file that is not YAML as expected: what is wrong and the cure, the end of a sentence."""


def read_yaml(path: Path) -> Any:
    """What a YAML file holds: dicts, lists, texts, numbers, days.

    Raises YamlError; OSError where the file cannot be read.
    """
    if path.stat().st_size > MAX_BYTES:
        raise YamlError(
            f"it has {path.stat().st_size:,} bytes, expected at most {MAX_BYTES:,}; take out what "
            "is no setting."
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise YamlError("it is not UTF-8 text; save it as UTF-8.") from None
    return parse_yaml(text)


def parse_yaml(text: str) -> Any:
    """What YAML text holds. Raises YamlError."""
    try:
        _limit_depth(text)
        node = yaml.compose(text, _Loader)
        if node is not None:
            _limit_values(node)
        return yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as error:
        raise YamlError(_sentence(error)) from None
    except (ValueError, OverflowError) as error:
        if isinstance(error, YamlError):
            raise
        raise YamlError(f"it holds a value that cannot be ({str(error)[:100]}); mend it.") from None


class _Loader(yaml.SafeLoader):
    """YAML that holds no objects and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for i, key in enumerate(keys):
            if key in keys[:i]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", node.value[i][0].start_mark
                )
        return super().construct_mapping(node, deep)


def _limit_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, _Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise YamlError(
                f"line {line}: found more than {MAX_DEPTH} levels, expected a "
                "few; mend the indentation or the brackets."
            )


def _limit_values(root: yaml.Node) -> None:
    """Counts the values with every alias written out."""
    counted: dict[int, int] = {}

    def count(node: yaml.Node, above: frozenset[int]) -> int:
        if id(node) in above:
            raise YamlError("an alias stands within what it names; write the values out.")
        if id(node) not in counted:
            inner = above | {id(node)}
            counted[id(node)] = 1 + sum(count(child, inner) for child in _children(node))
        return counted[id(node)]

    total = count(root, frozenset())
    if total > MAX_VALUES:
        raise YamlError(
            f"it holds {total:,} values with its aliases written out, expected at most "
            f"{MAX_VALUES:,}; write out what is needed."
        )


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if node.tag.endswith((":int", ":float")) and len(node.value) > MAX_DIGITS:
        raise YamlError(
            f"line {node.start_mark.line + 1}: found a number of {len(node.value):,} digits, "
            f"expected at most {MAX_DIGITS}; mend it."
        )
    return []


def _sentence(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it cannot be read"
    line = f"line {mark.line + 1}: " if mark else ""
    return f"{line}it is not YAML as expected, {problem.replace(chr(9), 'a tab')}; mend that line."
