"""What is said of many tiles: each thing once, and in how many of them it is so."""

from __future__ import annotations

from collections.abc import Sequence

from configs.remarks import Remark, Value, remark

MOST_TOLD = 3
"""Tiles whose reasons are told; of more the number is."""


def in_some_tiles(said: Sequence[Sequence[Remark]]) -> list[Remark]:
    """``said``: the messages of each tile. Of those of one code and hazard the first is told.

    A message that all tiles agree in is told as it is.
    """
    seen: dict[tuple[str, Value | None], list[Remark]] = {}
    for messages in said:
        for message in dict.fromkeys(messages):
            seen.setdefault((message.code, message.values.get("hazard")), []).append(message)
    return [
        same[0]
        if same == [same[0]] * len(said)
        else remark("tiles.some", n=len(same), tiles=len(said), first=same[0])
        for same in seen.values()
    ]


def of_tiles(code: str, reasons: Sequence[str], tiles: int) -> Remark:
    """The message on tiles of which something could not be done, with the first reasons."""
    return remark(code, n=len(reasons), tiles=tiles, reasons="; ".join(reasons[:MOST_TOLD]))
