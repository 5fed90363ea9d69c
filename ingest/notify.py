"""Tells people who are not at the screen: alarms that are raised, advice that is proposed or taken back.

What is to be told is put into the table `notification`, one row for each thing and channel, and sent from
there: with a growing wait after a failure, for a day or until somebody has seen it on the screen. A channel
that fails again and again is an alarm of its own. A storm is one message.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from core import alarms, db
from core.actions import Setpoint
from core.errors import ServiceError
from ingest.channels import channels, link_base

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from core.jobs import Context
    from ingest.channels import Channel

log = logging.getLogger(__name__)

WAIT_S: Final = 15.0
"""Wait after the first failure; it doubles with each [wall s]."""
WAIT_MAX_S: Final = 900.0
"""But no longer than this [wall s]."""
GIVEN_UP_S: Final = 86_400.0
"""What could not be told for so long is given up [wall s]."""
FAILED: Final = "notify.failed."
"""Source of the alarm about a channel, followed by its name."""
FAILED_PRIORITY: Final = 2
FAILURES: Final = 3
"""It is raised when a message has failed so often."""
STORM: Final = 10
"""More than so many at once are one message."""
FRESH_S: Final = 3600.0
"""What is over for longer than this is no news [wall s]."""
QUIET_S: Final = 900.0
"""An alarm that comes and goes is told no more often than this, unless it gets graver [wall s]."""
DIGEST: Final = "digest"


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a message on a channel."""

    channel: str
    ok: bool
    said: str


def notify(context: Context) -> str:
    """Put what is new into the outbox and send what is due.

    Raises:
        InputError: a channel is not set right.
    """
    ways = channels(context.settings, context.site.id)
    base = link_base(context.settings) if ways else ""
    with db.connect(context.dsn) as conn:
        set_ = [f"{FAILED}{way.name}" for way in ways]
        now = context.clock.now()
        db.rows(conn, "ingest_clear_alarms", site=context.site.id, prefix=FAILED, sources=set_, now=now)
        if not ways:
            return "no channel is set"
        new = _scan(conn, context, [way.name for way in ways], base)
        conn.commit()
        told = [_send_due(conn, context, way, base) for way in ways]
    sent, failed = (sum(pair[i] for pair in told) for i in (0, 1))
    return f"{new} to tell, {sent} sent, {failed} not sent"


def try_out(context: Context) -> list[Told]:
    """Send a test to each channel that is set.

    Raises:
        InputError: a channel is not set right.
    """
    now = context.clock.now()
    message = {
        "kind": "test",
        "number": 0,
        "site": context.site.id,
        "at": now.isoformat(),
        "subject": f"[{context.site.id}] a test from Joulecast",
        "text": f"This is a test. The pages are at {link_base(context.settings)}/alarms",
        "link": f"{link_base(context.settings)}/alarms",
    }
    found = []
    for way in channels(context.settings, context.site.id):
        try:
            missed = way.send(f"{context.site.id}-test-{now:%Y%m%dT%H%M%S}", message)
        except ServiceError as error:
            found.append(Told(way.name, ok=False, said=str(error)))
        else:
            found.append(Told(way.name, ok=not missed, said=f"sent, but {missed}" if missed else "sent"))
    return found


def _scan(conn: db.Connection, context: Context, names: Sequence[str], base: str) -> int:
    """Put what nobody has been told into the outbox; how many messages that makes."""
    site, now = context.site.id, context.clock.now()
    since = now - timedelta(seconds=FRESH_S * context.clock.speed_ratio)
    about = {"site": site, "since": since, "channels": list(names)}
    quiet = timedelta(seconds=QUIET_S * context.clock.speed_ratio)
    grave = {"priority": context.settings.notify_priority, "now": now, "quiet": quiet}
    messages = [
        *(_of_alarm(row, base) for row in db.rows(conn, "ingest_notify_alarms", **grave, **about)),
        *(_of_advice(row, base) for row in db.rows(conn, "ingest_notify_advice", **about)),
    ]
    new = 0
    for message in messages:
        new += len(
            db.rows(
                conn,
                "ingest_notify_insert",
                site=site,
                kind=message["kind"],
                of=message["number"],
                channels=list(names),
                message=db.json({"site": site, **message}),
                now=now,
                next_at=now,
            )
        )
    return new


def _of_alarm(row: db.Row, base: str) -> dict[str, Any]:
    link = f"{base}/alarms?alarm={row['alarm_id']}"
    what = "P{priority} {kind}".format(**row)
    lines = [
        row["message"],
        "",
        f"Do: {row['action']}",
        f"Within: {_span(row['respond_s'])}; owner: {row['owner']}",
        f"Likely cause: {row['cause']}",
        f"Otherwise: {row['consequence']}",
        f"Raised {row['raised_at']:%Y-%m-%d %H:%M:%S} UTC" + (", over by now" if row["cleared_at"] else ""),
        "",
        link,
    ]
    return {
        "kind": row["kind"],
        "number": row["alarm_id"],
        "at": row["raised_at"].isoformat(),
        "priority": row["priority"],
        "source": row["source"],
        "subject": f"[{row['site_id']}] {what}: {row['message']}",
        "text": "\n".join(lines),
        "link": link,
    }


def _of_advice(row: db.Row, base: str) -> dict[str, Any]:
    link = f"{base}/recommendations?card={row['number']}"
    moves = "; ".join(
        f"{Setpoint(c['setpoint']).replace('_', ' ')} {c['from_c']:.1f} -> {c['to_c']:.1f} °C"
        for c in row["changes"]
    )
    what = f"recommendation {row['number']} {row['kind']}"
    worth = "Expected to save {saving_p50_kw:.1f} kW ({saving_p10_kw:.1f} to {saving_p90_kw:.1f})".format(
        **row
    )
    lines = [f"{what}: {moves}", "", worth if row["kind"] == "proposed" else row["reason"], "", link]
    return {
        "kind": row["kind"],
        "number": row["number"],
        "at": row["at"].isoformat(),
        "subject": f"[{row['site_id']}] {what}: {moves}",
        "text": "\n".join(lines),
        "link": link,
    }


def _span(seconds: int) -> str:
    return f"{seconds // 3600} h" if seconds >= 3600 else f"{seconds // 60} min"  # noqa: PLR2004  # an hour


def _send_due(conn: db.Connection, context: Context, way: Channel, base: str) -> tuple[int, int]:
    """Send what is due on a channel, until one fails; how many were sent, and how many were not.

    A row is marked before it is sent: one found so marked was being sent when a process died, and whether it
    arrived is not known; it is sent again with the same key.
    """
    about = {"site": context.site.id, "channel": way.name, "now": context.clock.now()}
    db.rows(conn, "ingest_notify_lost", **about, **_again(context, 1))
    db.rows(conn, "ingest_notify_drop", **about)
    count = len(db.rows(conn, "ingest_notify_due", **about))
    sent, most = 0, count if count > STORM else 1
    while group := db.rows(conn, "ingest_notify_take", most=most, **about):
        conn.commit()
        message = group[0]["message"] if len(group) == 1 else _digest(context.site.id, group, base)
        key = f"{context.site.id}-{message['kind']}-{message['number']}-{group[0]['notification_id']}"
        ok, said = _attempt(way, key, message)
        _record(conn, context, group, said, ok=ok)
        _look_after(conn, context, way, group, said, ok=ok)
        conn.commit()
        if not ok:
            return sent, len(group)
        sent += len(group)
    conn.commit()
    return sent, 0


def _attempt(way: Channel, key: str, message: dict[str, Any]) -> tuple[bool, str]:
    """Whether it was sent, and what is to be said about it: why not, or whom it did not reach."""
    try:
        missed = way.send(key, message)
    except ServiceError as error:
        return False, str(error)
    if missed:
        log.warning("%s", missed)
    return True, missed


def _record(conn: db.Connection, context: Context, group: Sequence[db.Row], said: str, *, ok: bool) -> None:
    now, ids = context.clock.now(), [row["notification_id"] for row in group]
    if ok:
        db.rows(conn, "ingest_notify_sent", ids=ids, now=now, missed=said or None)
        return
    db.rows(conn, "ingest_notify_failed", ids=ids, error=said, **_again(context, _tries(group)))


def _tries(group: Sequence[db.Row]) -> int:
    return max(int(row["tries"]) for row in group)


def _again(context: Context, tries: int) -> dict[str, datetime]:
    """When what failed is tried again, and since when it must have waited to be given up."""
    now, ratio = context.clock.now(), context.clock.speed_ratio
    wait_s = WAIT_S
    for _ in range(1, tries):
        wait_s = min(2 * wait_s, WAIT_MAX_S)
    return {
        "next_at": now + timedelta(seconds=wait_s * ratio),
        "given_up": now - timedelta(seconds=GIVEN_UP_S * ratio),
    }


def _look_after(
    conn: db.Connection, context: Context, way: Channel, group: Sequence[db.Row], said: str, *, ok: bool
) -> None:
    """A channel that does not work is an alarm until it works again; other channels tell it."""
    about = {"site": context.site.id, "now": context.clock.now()}
    source = f"{FAILED}{way.name}"
    if ok:
        db.rows(conn, "ingest_clear_alarm", source=source, before=about["now"], **about)
    elif _tries(group) >= FAILURES:
        db.rows(
            conn,
            "ingest_raise_alarms",
            sources=[source],
            priorities=[FAILED_PRIORITY],
            messages=[f"messages by {way.name} do not arrive: {said}"],
            actions=["Look at that server and the settings notify_*, then try `joulecast notify test`"],
            **about,
        )


def _digest(site: str, group: Sequence[db.Row], base: str) -> dict[str, Any]:
    """One message of many: the gravest first."""
    of = sorted((row["message"] for row in group), key=lambda m: m.get("priority", alarms.LEAST + 1))
    link = f"{base}/alarms"
    return {
        "kind": DIGEST,
        "number": len(of),
        "site": site,
        "at": max(m["at"] for m in of),
        "subject": f"[{site}] {len(of)} messages at once, the first: {of[0]['subject'].partition('] ')[2]}",
        "text": "\n".join([*(m["subject"] for m in of), "", link]),
        "link": link,
        "of": [{name: m[name] for name in ("kind", "number", "subject", "link")} for m in of],
    }
