"""Verbs that start, check and maintain the system as a whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from core import db
from core.errors import InputError, NotReadyError
from core.settings import load_settings
from joulecast.verbs.common import Json, emit, table, working

BENCHMARKS = Path("benchmarks")


def up() -> int:
    """Start everything on this machine: database, broker, services, pages. Ctrl-C stops it."""
    from joulecast.up import up as start  # noqa: PLC0415  # each verb imports only its own room

    return start(load_settings())


def doctor(*, json: Json = False) -> int:
    """Say what is there, what is missing and what to do about it."""
    from joulecast.doctor import check  # noqa: PLC0415  # each verb imports only its own room

    findings = check(load_settings())
    rows = [{"what": f.what, "state": f.state, "detail": f.detail, "do": f.do} for f in findings]
    emit(rows, table(rows), as_json=json)
    return 1 if any(f.state == "fail" for f in findings) else 0


def migrate(*, json: Json = False) -> int:
    """Bring the database's schema up to date; safe to repeat."""
    settings = load_settings()
    if settings.dsn:
        done = db.migrate(settings.dsn)
    else:
        with working() as (context, _):
            done = db.migrate(context.dsn)
    text = f"{len(done.applied)} file(s) applied; storage mode {done.mode}"
    emit({"applied": done.applied, "mode": done.mode}, text, as_json=json)
    return 0


def bench(
    room: Annotated[str, typer.Argument(help="ingest, forecast, twin or ui; all where absent.")] = "all",
    *,
    json: Json = False,
) -> int:
    """Measure this machine and write benchmarks/results/<room>.json."""
    found = {p.stem.removeprefix("bench_"): p for p in sorted(BENCHMARKS.glob("bench_*.py"))}
    if not found:
        raise NotReadyError("no benchmarks here: run it from the root of a checkout")
    if room != "all" and room not in found:
        raise InputError("room", found=repr(room), allowed=", ".join(("all", *found)), do="name one of these")
    chosen = [path for name, path in found.items() if room in {"all", name}]
    codes = [subprocess.run([sys.executable, str(path)], check=False).returncode for path in chosen]  # noqa: S603
    if json:
        emit({path.stem: code for path, code in zip(chosen, codes, strict=True)}, "", as_json=True)
    return 1 if any(codes) else 0
