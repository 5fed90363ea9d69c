"""Refused messages are read again from a page: in a thread of its own, one at a time, with how far it is."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from core import db
from core.errors import JoulecastError
from core.site import load_site
from ui import actions
from ui import format as fmt
from ui.access import auth

if TYPE_CHECKING:
    from datetime import datetime

    from ui.data import Source

log = logging.getLogger(__name__)
PERMISSION: Final = "mapping.write"


@dataclass(slots=True)
class Rereading:
    """What the last one came to, or how far it is."""

    said: str = ""
    busy: bool = False
    at: datetime | None = None
    by: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.Thread | None = None


def state(source: Source) -> Rereading:
    """The one of this process."""
    found: Rereading = source.lasting("rereading", Rereading)
    return found


def start(source: Source, topic: str) -> str:
    """Begin to read the refused messages again whose topic contains a text, or all; what to tell."""
    if not auth.user().may(PERMISSION):
        return auth.denied(PERMISSION)
    run = state(source)
    with run.lock:
        if run.busy:
            return "Refused messages are being read again already."
        run.busy, run.at, run.by, run.said = True, source.now, auth.user().name, "Reading again…"
        about = f"refused messages of {topic}" if topic else "all refused messages"
        actions.recorded(source, "messages.replay", about, actions.Said(ok=True, message="read again"))
        run.thread = threading.Thread(target=_work, args=(source, run, topic), name="rereading", daemon=True)
        run.thread.start()
    return run.said


def said(source: Source) -> str:
    """How far it is, or what it came to, when and by whom."""
    run = state(source)
    if run.busy or run.at is None:
        return run.said
    return f"{run.said} ({run.by}, {fmt.clock_time(run.at, source.zone, source.now)})"


def _work(source: Source, run: Rereading, topic: str) -> None:
    from ingest import rejected  # noqa: PLC0415  # the codecs load when they are needed

    def report(done: int, total: int) -> None:
        run.said = f"Reading again: {done} of {total}."

    try:
        site = load_site(source.context.settings.site_file)
        with db.connect(source.context.dsn, autocommit=True) as conn:
            done = rejected.replay(conn, site, rejected.Filter(topic), source.context.clock, report)
        run.said = (
            f"{fmt.count(done.messages, 'message')} read again: {done.accepted} taken, "
            f"{done.still_refused} still refused; {fmt.count(done.stored, 'new reading')}."
        )
    except (JoulecastError, db.Error) as error:
        log.warning("reading again ended: %s", error)
        run.said = f"It ended before its end: {error}"
    finally:
        run.busy = False
        source.forget("quality points")
