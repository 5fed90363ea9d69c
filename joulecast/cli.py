"""The command `joulecast`. Exit status: 0 success, 2 bad input with one sentence, 1 failure."""

from __future__ import annotations

import json
import sys
from typing import cast

import typer

from core.errors import JoulecastError
from joulecast.verbs import (
    alarm,
    collect,
    data,
    edge,
    forecast,
    recommend,
    rejected,
    replay,
    system,
    twin,
    user,
)

app = typer.Typer(
    name="joulecast",
    help="An open digital twin for data-centre energy.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("up")(system.up)
app.command("doctor")(system.doctor)
app.command("migrate")(system.migrate)
app.command("bench")(system.bench)
app.command("import")(data.import_)
app.command("publish")(data.publish)
app.command("replay")(replay.replay)
app.add_typer(collect.app, name="collect")
app.add_typer(edge.app, name="edge")
app.add_typer(forecast.app, name="forecast")
app.add_typer(twin.app, name="twin")
app.add_typer(recommend.app, name="recommend")
app.add_typer(rejected.app, name="rejected")
app.add_typer(user.app, name="user")
app.add_typer(user.key, name="key")
app.add_typer(user.audit, name="audit")
app.add_typer(alarm.app, name="alarm")
app.add_typer(alarm.notify_app, name="notify")

INTERRUPTED = 130
USAGE_ERROR = cast("type[Exception]", typer.BadParameter.__bases__[0])
"""What Typer's parser raises; Typer exports only some of its subclasses."""


def main() -> None:
    """Run the command and end the process with its exit status."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command with these arguments and return its exit status."""
    try:
        status = app(arguments, standalone_mode=False)
    except JoulecastError as error:
        _say(str(error), as_json="--json" in arguments)
        return error.exit_status
    except USAGE_ERROR as error:
        sentence = getattr(error, "format_message", error.__str__)().rstrip(".")
        _say(f"{sentence}. Try `joulecast --help`.", as_json="--json" in arguments)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return status if isinstance(status, int) else 0


def _say(sentence: str, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"error": sentence}) + "\n")
    sys.stderr.write(f"joulecast: {sentence}\n")
