"""Commands to the plant: publish, hear the answer, watch the measured setpoint follow.

All of a command's life is in the database, so that a restart goes on where the last process was. A command
is published before it is on record as sent: it may be published twice, which does no harm, as it is a
setpoint, but never not at all. The plant's answer comes in through the subscriber like everything else and is
written by `ingest.storage.save_acknowledgement`.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec
import psycopg

from core import db
from core.actions import State
from core.errors import ServiceError
from core.points import point_type
from ingest.mqtt import Publisher, Version, expiry
from ingest.topics import command_topic

if TYPE_CHECKING:
    import threading

    from core.clock import Clock
    from core.jobs import Context

log = logging.getLogger(__name__)

POLL_S: Final = 1.0
"""How often commands are looked after [wall s]."""
PUBLISH_S: Final = 5.0
"""Longest wait for the broker to take a command [wall s]; its row is locked meanwhile."""
FOLLOW_S: Final = 300.0
"""Time in which the measured setpoint must follow [s of plant time]."""
FOLLOW_WALL_MIN_S: Final = 15.0
"""The same [wall s], for plants whose time runs faster than messages do."""
TOLERANCE: Final = 0.05
"""How close the measured setpoint must come [canonical unit; K for temperatures]."""
EXPIRY_MAX_S: Final = 0xFFFFFFFF
"""Largest MQTT 5 message expiry interval [s]."""


class Command(msgspec.Struct):
    """What the plant gets."""

    command_id: str
    value: float
    unit: str
    expires_at: datetime
    """By the plant's clock."""
    issued_by: str
    """Who accepted the recommendation."""


class Dispatcher:
    """Looks after the commands of one site."""

    def __init__(self, context: Context) -> None:
        self._dsn, self._site, self._clock = context.dsn, context.site.id, context.clock
        self._broker = context.settings.broker or ""
        self._client_id = f"{context.settings.ingest_client_id}-commands"
        self._version = Version(context.settings.mqtt_version)
        self._link = ExitStack()
        self._publisher: Publisher | None = None

    def step(self, conn: db.Connection) -> None:
        """Do once whatever can be done now.

        Args:
            conn: an autocommit connection.

        Raises:
            ServiceError: the broker does not take a command; it stays queued.
        """
        self._settle(conn)
        while self._send_next(conn):
            pass
        self._settle(conn)

    def close(self) -> None:
        """Leave the broker."""
        self._publisher = None
        self._link.close()

    def _send_next(self, conn: db.Connection) -> bool:
        with conn.transaction():
            now = self._clock.now()
            row = db.row(conn, "ingest_next_command", site=self._site, now=now)
            if row is None:
                return False
            command = Command(
                str(row["command_id"]),
                row["value"],
                point_type(row["point"]).unit,
                row["expires_at"],
                row["issued_by"],
            )
            left_s = (row["expires_at"] - now).total_seconds() / self._clock.speed_ratio
            topic = command_topic(self._site, row["asset_id"], row["point"])
            self._publish(topic, msgspec.json.encode(command), min(max(int(left_s), 1), EXPIRY_MAX_S))
            db.rows(conn, "ingest_command_sent", command_id=row["command_id"], now=now)
        log.info("sent %s/%s = %g", row["asset_id"], row["point"], row["value"])
        return True

    def _publish(self, topic: str, payload: bytes, expiry_s: int) -> None:
        """Publish one command and wait until the broker has it.

        After a failure the client is dropped with all that it holds: nothing goes out later by itself.
        """
        try:
            if self._publisher is None:
                publisher = Publisher(
                    self._broker, self._client_id, in_flight=1, patience_s=PUBLISH_S, version=self._version
                )
                self._publisher = self._link.enter_context(publisher)
            self._publisher.publish(topic, payload, expiry(expiry_s))
            self._publisher.flush()
        except ServiceError:
            self.close()
            raise

    def _settle(self, conn: db.Connection) -> None:
        """Bring commands and their recommendations up to date with answers, measurements and time."""
        now = self._clock.now()
        wait = follow_time(self._clock)
        late = f"measured setpoint did not follow within {wait.total_seconds():.0f} s"
        with conn.transaction():
            done = db.rows(conn, "ingest_apply_commands", site=self._site, now=now, tolerance=TOLERANCE)
            bad = db.rows(conn, "ingest_expire_commands", site=self._site, now=now)
            bad += db.rows(conn, "ingest_fail_commands", site=self._site, since=now - wait, reason=late)
            for row in db.rows(conn, "ingest_moving_recommendations", site=self._site):
                self._move(conn, row, now)
        for row in done:
            log.info("%s/%s follows: %g", row["asset_id"], row["point"], row["value"])
        for row in bad:
            log.warning("%s/%s: %s", row["asset_id"], row["point"], row["reason"])

    def _move(self, conn: db.Connection, row: db.Row, now: datetime) -> None:
        number, state = row["recommendation_id"], State(row["state"])
        steps: list[tuple[State, str]] = []
        if row["lost"]:
            db.rows(conn, "ingest_cancel_commands", recommendation_id=number)
            steps = [(State.FAILED, row["reasons"] or "a command failed")]
        else:
            if state is State.ACCEPTED and not row["queued"]:
                steps.append((State.SENT, "all commands are with the broker"))
            if row["applied"] == row["total"]:
                steps.append((State.APPLIED, "all measured setpoints follow"))
        for wanted, because in steps:
            db.row(
                conn,
                "ingest_transition",
                recommendation_id=number,
                wanted=wanted,
                now=now,
                because=because,
            )


def follow_time(clock: Clock) -> timedelta:
    """In which the measured setpoint must follow, in plant time."""
    return timedelta(seconds=max(FOLLOW_S, FOLLOW_WALL_MIN_S * clock.speed_ratio))


def run(context: Context, stop: threading.Event) -> None:
    """Look after commands until `stop` is set; without `write_back` say so and leave them queued."""
    if not context.site.write_back:
        log.warning("write_back is false in site.toml: accepted recommendations stay queued")
        return
    dispatcher = Dispatcher(context)
    try:
        while not stop.is_set():
            try:
                with db.connect(context.dsn, autocommit=True) as conn:
                    while not stop.wait(POLL_S):
                        dispatcher.step(conn)
            except (ServiceError, psycopg.Error) as error:
                log.warning("commands: %s; trying again", str(error).strip())
                stop.wait(POLL_S)
    finally:
        dispatcher.close()
