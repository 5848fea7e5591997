"""The command ``climate-risk``. Heavy modules are imported only by the command that needs them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from configs import RiskError, Settings
from configs.collection import no_collection
from configs.disk import explained
from flows.city_commands import add_city_commands
from flows.command_line import add_command, add_region_command, day
from flows.home_commands import add_home_commands
from flows.ledger_commands import add_ledger_commands
from flows.status_commands import add_status_commands
from flows.store_commands import add_store_commands

if TYPE_CHECKING:
    from flows.run import Outcome

EPILOG = """\
REGION is a name under configs/regions/ or the path of a region's YAML file.

exit status: 0 done; 1 nothing usable came of it, standard error says why and what to do;
2 wrong usage; 3 done but degraded (older data, withheld cells, a hazard missing). Of several
regions: 1 if none was published, 3 if any failed or is degraded. Run-time state lives under
CLIMATE_RISK_HOME (default: the checkout)."""


def parser() -> argparse.ArgumentParser:
    """The command line. Parsing it imports nothing heavy."""
    top = argparse.ArgumentParser(
        prog="climate-risk",
        description="Drought, flood and heat risk forecasts that say how good they are.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="show the version and leave")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)

    command = partial(add_command, commands.add_parser)
    of_region = partial(add_region_command, commands.add_parser)
    again = "Run it again for the same day: nothing changes."
    text = "pull, train what has no model yet, forecast and publish"
    daily = command("daily", text, _daily, again)
    daily.add_argument(
        "regions", metavar="REGION", nargs="+", help="names or paths of region files"
    )
    pull = of_region("pull", "pull a region's records, check and store them", _pull)
    pull.add_argument(
        "--until",
        type=day,
        metavar="DATE",
        help="leave out later days (those already stored stay)",
    )
    train = of_region(
        "train",
        "train a region's models on the stored record and register them in MLflow",
        _train,
        "The same data, region file and code are not learnt twice: the version is judged anew.",
    )
    train.add_argument("--hazard", metavar="H", help="only this hazard, such as heat")
    train.add_argument(
        "--candidate",
        action="store_true",
        help="register the models without promoting them; train again without it to promote",
    )
    train.add_argument(
        "--promote-dirty",
        action="store_true",
        help="let models of code with changes that are not committed become champions",
    )
    text = "pull, forecast every past year from the years before it, and score that"
    backtest = of_region("backtest", text, _backtest)
    backtest.add_argument("--out", required=True, metavar="scores.csv", help="the file to write")
    text = "forecast from the stored record with the champions and publish the report"
    forecast = of_region("forecast", text, _forecast)
    forecast.add_argument(
        "--issued",
        type=day,
        metavar="DATE",
        help="a past issue day makes a hindcast from what was known that morning",
    )
    forecast.add_argument(
        "--as-stored",
        action="store_true",
        help="make the published report of that day again from the snapshot it names",
    )
    forecast.add_argument(
        "--out", metavar="DIR", help="write the report into this folder instead of published/"
    )
    shown = (
        "It is shown beside the model in every language and changes no graded number; "
        "'' or --remove takes it away."
    )
    note = of_region("note", "put the duty officer's note beside a report", _note, shown)
    note.add_argument(
        "text",
        metavar="TEXT",
        nargs="?",
        help="the note, at most 2,000 characters; - reads it from standard input",
    )
    note.add_argument(
        "--date",
        type=day,
        metavar="DATE",
        help="the report's issue day (default: the newest published)",
    )
    note.add_argument("--remove", action="store_true", help="take the note away")
    stays = (
        "Its pages say why, its alerts are cancelled, nothing disappears; "
        "a run of that day with other numbers corrects it."
    )
    retract = of_region("retract", "retract a published report", _retract, stays)
    retract.add_argument("date", type=day, metavar="DATE", help="its issue day, such as 2002-07-31")
    retract.add_argument(
        "--reason", required=True, metavar="TEXT", help="one sentence that readers will see"
    )
    text = "test a region's file, inbox and sources; runs and stores nothing"
    of_region("check", text, _check)
    add_store_commands(commands.add_parser)
    add_ledger_commands(commands.add_parser)
    add_city_commands(commands.add_parser)
    add_home_commands(commands.add_parser)
    add_status_commands(commands.add_parser)
    text = "grade every forecast whose days are over, each once, and tell it on the pages"
    of_region("verify", text, _verify, f"daily does it too. {again}")
    server = "Starts a Prefect server on 127.0.0.1 unless PREFECT_API_URL is set."
    text = "serve the daily and monthly runs on this machine until stopped"
    schedule = command("schedule", text, _schedule, server)
    schedule.add_argument(
        "regions",
        metavar="REGION",
        nargs="*",
        help="names or paths (default: all under configs/regions/)",
    )
    return top


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"climate-risk {version('climate-risk')}")
        parser.exit()


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    given = parser().parse_args(arguments)
    try:
        status = int(given.run(given))
        sys.stdout.flush()
        return status
    except RiskError as error:
        return _failed(error)
    except TimeoutError as error:
        return _failed(
            RiskError(
                f"a task hangs: found {error}, expected it to end sooner; see in `make ui` which "
                "one, and run it again."
            )
        )
    except BrokenPipeError:  # the reader of our output, such as head, has gone
        with suppress(OSError):
            sys.stdout.close()
        return 1
    except OSError as error:
        refused = explained(error, Settings.from_environment().home)
        if not isinstance(refused, RiskError):
            raise
        return _failed(refused)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _failed(error: RiskError) -> int:
    print(f"climate-risk: {' '.join(str(error).split())}", file=sys.stderr)
    return 1


def _pull(given: argparse.Namespace) -> int:
    return _one(given.region, lambda: _flows().pull(given.region, given.until))


def _train(given: argparse.Namespace) -> int:
    if given.candidate and given.promote_dirty:
        parser().error("train: give either --candidate or --promote-dirty")
    return _one(
        given.region,
        lambda: _flows().train(given.region, given.hazard, given.candidate, given.promote_dirty),
    )


def _verify(given: argparse.Namespace) -> int:
    return _one(given.region, lambda: _flows().verify(given.region))


def _backtest(given: argparse.Namespace) -> int:
    return _one(given.region, lambda: _flows().backtest(given.region, given.out))


def _forecast(given: argparse.Namespace) -> int:
    if not given.as_stored:
        return _one(given.region, lambda: _flows().forecast(given.region, given.issued, given.out))
    if given.issued is None:
        parser().error("forecast: --as-stored needs --issued, the day of a published report")
    return _one(given.region, lambda: _flows().as_stored(given.region, given.issued, given.out))


def _daily(given: argparse.Namespace) -> int:
    """One region after the other; one that fails does not stop the others."""
    statuses = []
    for region in given.regions:
        try:
            statuses.append(_one(region, partial(_run_daily, region)))
        except RiskError as error:
            statuses.append(_failed(error))
    return overall(statuses)


def _run_daily(region: str) -> Outcome:
    """The flow, imported only once Prefect has a home."""
    return _flows().daily(region)


def overall(statuses: list[int]) -> int:
    """Exit status of several regions: 1 if none was published, 3 if any is degraded, else 0."""
    if all(status == 1 for status in statuses):
        return 1
    return 3 if any(statuses) else 0


def _check(given: argparse.Namespace) -> int:
    from flows.check import check

    findings = check(given.region, Settings.from_environment())
    for finding in findings:
        kind = "problem" if finding.problem else "doubt" if finding.doubt else "ok"
        text = finding.problem or finding.doubt or finding.fact
        print(f"{'' if finding.block else kind:<9}{finding.what:<24}{text}", flush=True)
        if finding.block:
            print(f"\n{finding.block}", flush=True)
    return 1 if any(finding.problem for finding in findings) else 0


def _note(given: argparse.Namespace) -> int:
    from flows.notices import note
    from flows.summary import told_degraded

    if (given.text is None) != given.remove:
        parser().error("note: give either a TEXT or --remove")
    text = "" if given.remove else _text(given.text)
    day, folder, undelivered = note(given.region, text, given.date)
    print(folder or f"kept for the report of {day}, which is not published yet")
    return told_degraded(undelivered)


def _text(given: str) -> str:
    """What was given, or standard input where that is "-"."""
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig") if given == "-" else given
    except UnicodeDecodeError:
        raise RiskError(
            "standard input: found bytes that are no UTF-8, expected plain text; save it as UTF-8."
        ) from None


def _retract(given: argparse.Namespace) -> int:
    from flows.notices import retract
    from flows.summary import told_degraded

    folder, undelivered = retract(given.region, given.date, given.reason)
    print(folder)
    return told_degraded(undelivered)


def _schedule(given: argparse.Namespace) -> int:
    from flows.schedule import schedule

    return schedule(given.regions, Settings.from_environment())


class _Flows:
    """The flows, each imported when it is asked for."""

    def __getattr__(self, name: str) -> Callable[..., Outcome]:
        import importlib

        with no_collection():
            return getattr(importlib.import_module(f"flows.{name}"), name)


def _flows() -> _Flows:
    return _Flows()


def _one(region: str, run: Callable[[], Outcome]) -> int:
    """Runs one flow of one region with its progress shown, then its summary."""
    with no_collection():
        from flows.check import open_region
        from flows.prefect_reach import within_reach
        from flows.progress import shown, stage
        from flows.run import tagged
        from flows.summary import summarise

    place = open_region(region)  # a misspelt name is told before anything starts
    with shown(), ExitStack() as stack:
        with stage("start Prefect"):
            server_remarks = stack.enter_context(within_reach())
            stack.enter_context(tagged(place))
        outcome = run()
    summarise(outcome := replace(outcome, degraded=(*outcome.degraded, *server_remarks)))
    return outcome.status


if __name__ == "__main__":
    sys.exit(main())
