"""Watching: the status is looked at, and its problems are told once, and once when they end.

What was told lies in data/watch/problems.json. A problem that comes back within an hour of its end
is the same one. An address that did not take a message gets it with the next look.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from filelock import FileLock

from configs import Settings
from configs.disk import refusal_remark
from configs.remarks import Remark, remark
from configs.whole_files import write_whole
from flows.home_checks import SIZES, read_sizes
from flows.metrics import write_metrics
from flows.standing import HomeStatus
from flows.status import home_status
from sources.common.notifications import NOTIFY, OPERATOR, Address, addresses_of, send

SETTLED = timedelta(hours=1)
"""For so long a problem must be gone until its end is told."""
KEPT_SIZES = 60
"""Days whose size of the home is kept, for the rate of growth."""
MOST_LINES = 20
"""Problems that one message tells in full."""


@dataclass(frozen=True)
class Problem:
    """A problem that is remembered: since when (ISO, UTC), and since when it is ``gone``, "" for
    one that lasts.
    """

    sentence: str
    since: str
    gone: str = ""


@dataclass(frozen=True)
class Seen:
    """What a look came to. ``unheard``: a message on each address that did not take its own, and
    on a disk that refused what was to be written.
    """

    status: HomeStatus
    unheard: tuple[Remark, ...] = ()

    @property
    def exit_status(self) -> int:
        """That of the status; 3 where all is well but for an address."""
        return self.status.status or (3 if self.unheard else 0)


@dataclass(frozen=True)
class _Memory:
    """``problems`` by key. ``told``: by address, the keys of problems that it was told of."""

    problems: Mapping[str, Problem]
    told: Mapping[str, tuple[str, ...]]


def look(names: Sequence[str], settings: Settings) -> Seen:
    """Looks at regions (without ``names`` all that have run here) and tells what has changed.

    Addresses: those of CLIMATE_RISK_NOTIFY_OPERATOR, else of CLIMATE_RISK_NOTIFY. Also keeps the
    home's size of the day, and writes the file of CLIMATE_RISK_METRICS_FILE. Where the home cannot
    be written to, nothing more is remembered, so that each look tells of what is new since then.
    Raises ConfigError.
    """
    status = home_status(names, settings)
    path = settings.data / "watch" / "problems.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            _keep_size(status, settings)
            memory = _remembered(_read(path), status, names)
            unheard = _tell_all(memory, status, path)
    except OSError as error:
        known = _remembered(_read(path), status, names)
        unheard = [refusal_remark(error, settings.home), *_tell_all(known, status, None)]
    return Seen(status, (*unheard, *write_metrics(status)))


def _remembered(before: _Memory, status: HomeStatus, names: Sequence[str]) -> _Memory:
    """The problems with those of now. One of a region that was not looked at stays as it is."""
    now, problems_now = status.at, status.problems
    problems = dict(before.problems)
    for key, check in problems_now.items():
        since = problems[key].since if key in problems else now.isoformat()
        problems[key] = Problem(check.sentence, since)
    looked = {each.region or "home" for each in status.standings}
    for key, problem in before.problems.items():
        seen = not names or key.split(".")[0] in looked
        if key not in problems_now and seen and not problem.gone:
            problems[key] = replace(problem, gone=now.isoformat())
    return _Memory(problems, before.told)


def _over(problem: Problem, now: datetime) -> bool:
    return bool(problem.gone) and now - datetime.fromisoformat(problem.gone) >= SETTLED


def _tell_all(memory: _Memory, status: HomeStatus, path: Path | None) -> list[Remark]:
    """Tells each address what it does not know, and remembers what it took where there is a path.

    A problem is forgotten once it is over and no address waits to be told of that.
    """
    addresses = addresses_of(OPERATOR) or addresses_of(NOTIFY)
    told, unheard = dict(memory.told), list[Remark]()
    lasting = {key: one for key, one in memory.problems.items() if not one.gone}
    over = {key for key, one in memory.problems.items() if _over(one, status.at)}
    for address in addresses:
        known = set(told.get(address.key, ()))
        new, ended = sorted(lasting.keys() - known), sorted(known & over)
        if new or ended:
            why = send(address, *_message(memory, status, new, ended))
            if why is not None:
                unheard.append(_unheard(address, why))
                continue
        told[address.key] = tuple(sorted((known | set(new)) - set(ended)))
        if path is not None:
            _write(path, _Memory(memory.problems, told))
    waiting = {key for address in addresses for key in told.get(address.key, ())}
    kept = {key: one for key, one in memory.problems.items() if key not in over or key in waiting}
    if path is not None:
        _write(path, _Memory(kept, told))
    return unheard


def _message(
    memory: _Memory, status: HomeStatus, new: Sequence[str], ended: Sequence[str]
) -> tuple[str, str]:
    """Subject and text, in English: they are for who runs it."""
    parts = [f"{len(new)} new" if new else "", f"{len(ended)} over" if ended else ""]
    first = (new or ended)[0]
    subject = f"climate-risk: problems {', '.join(part for part in parts if part)} ({first})"
    lines = [f"Problem: {key}: {memory.problems[key].sentence}" for key in new]
    lines += [f"Over: {key}: {memory.problems[key].sentence}" for key in ended]
    more = len(lines) - MOST_LINES
    lines = lines[:MOST_LINES] + ([f"and {more} more"] if more > 0 else [])
    end = [status.verdict, f"{status.home}, {status.at:%Y-%m-%d %H:%M} UTC: climate-risk status"]
    return subject, "\n".join([*lines, "", *end]) + "\n"


def _unheard(address: Address, why: Remark) -> Remark:
    return remark(
        "notify.unheard",
        number=address.number,
        variable=address.variable,
        scheme=address.scheme,
        reason=why,
    )


def _keep_size(status: HomeStatus, settings: Settings) -> None:
    """Keeps the home's size of the day."""
    size = status.itself.values("disk").get("home_bytes")
    if size is None:
        return
    sizes = read_sizes(settings) | {status.at.date().isoformat(): int(size)}
    newest = dict(sorted(sizes.items())[-KEPT_SIZES:])
    write_whole(settings.data / "watch" / SIZES, json.dumps(newest, indent=1) + "\n")


def _read(path: Path) -> _Memory:
    """The memory; of a file that is none every problem is new."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return _Memory(
            {str(key): Problem(**one) for key, one in stored["problems"].items()},
            {str(key): tuple(map(str, keys)) for key, keys in stored["told"].items()},
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return _Memory({}, {})


def _write(path: Path, memory: _Memory) -> None:
    problems = {key: asdict(one) for key, one in sorted(memory.problems.items())}
    told_keys = {key: list(keys) for key, keys in sorted(memory.told.items())}
    write_whole(path, json.dumps({"problems": problems, "told": told_keys}, indent=1) + "\n")
