"""Commands to the plant: a setpoint under a lease, its renewal, its release.

All of a command's life is in the database, so that a restart goes on where the last process was. A command is
signed and on record as sent before it is published; after a crash the same bytes go out again while they are
valid, and the gateway on the plant's side answers a command that it knows without writing again. Its answers
come in through the subscriber like everything else. What a recommendation becomes depends on them and on the
measured setpoint; each of its steps is a transaction of its own, and whatever waits ends by itself at a time.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import psycopg

from core import db, moves
from core.actions import TIME_LIMITS, WHEN_DUE, State
from core.errors import ServiceError
from core.limits import DATA_AGE_MAX_S
from core.points import BAD_FROM, point_type
from ingest.command_link import Link, alone
from ingest.edge import keys
from ingest.edge.protocol import HEARTBEAT_S, LEASE_S, RENEW_S, Command, Kind, seal
from ingest.topics import command_topic

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from core.jobs import Context

log = logging.getLogger(__name__)

POLL_S: Final = 1.0
"""How often commands are looked after [wall s]."""
STANDBY_S: Final = 10.0
"""How often another process looks whether nobody does it any more [wall s]."""
TOLERANCE: Final = 0.05
"""How close the measured setpoint must come [canonical unit; K for temperatures]."""
EXPECT_TOLERANCE: Final = 0.1
"""How far what is in force may be from what a command was made for [same]."""
EPSILON: Final = 1e-6
HOLD_DEFAULT: Final = timedelta(hours=24)
"""How long a recommendation that does not say it is held."""
DATA_AGE_WALL_S: Final = 15.0
"""However fast a demonstration's clock runs, a reading may be this old [wall s]."""
SILENT_S: Final = 3 * HEARTBEAT_S
"""A gateway that has not been heard for so long is away [wall s]."""
WATCH_S: Final = 120.0
"""Nothing is held for longer than this without the guard, which looks at inlets every 10 s [wall s]."""
ALARM_KEPT: Final = timedelta(hours=24)
"""How long it is said that a recommendation failed, where nothing has worked since."""
ACTOR: Final = "ingest"
FAILED, REVERT, BROKER, EDGE = "write.failed.", "write.revert.", "write.broker", "write.edge."
"""How the sources of our alarms begin."""
STOPPED_BY_HOLD: Final = {
    State.QUEUED: State.WITHDRAWN,
    State.SENT: State.FAILED,
    State.ACKED: State.FAILED,
    State.APPLIED: State.REVERTING,
    State.RAMPING: State.REVERTING,
    State.HOLDING: State.REVERTING,
}
"""What becomes of a recommendation while HOLD is on."""


class Dispatcher:
    """Looks after the commands of one site.

    Args:
        context: site, clock and settings.
        key: signs commands; none: nothing is sent, and what is in the plant is watched until it is back.
        send: hands bytes to the broker.
    """

    def __init__(
        self, context: Context, key: Ed25519PrivateKey | None, send: Callable[[str, bytes, int], None]
    ) -> None:
        self._site, self._clock, self._send = context.site, context.clock, send
        self._key = key if context.site.write_back else None
        self._ranges = {str(found.point): found for found in context.site.setpoints.values()}
        self._published: set[uuid.UUID] = set()
        self._steps: dict[State, Callable[[_Turn], bool]] = {
            State.QUEUED: self._queued,
            State.SENT: self._sent,
            State.ACKED: self._acked,
            State.APPLIED: self._applied,
            State.RAMPING: self._ramping,
            State.HOLDING: self._holding,
            State.FAILED: self._failed,
            State.RELEASING: self._leaving,
            State.REVERTING: self._leaving,
            State.REVERT_FAILED: self._leaving,
        }

    def step(self, conn: db.Connection) -> None:
        """Do once whatever can be done now.

        Args:
            conn: an autocommit connection.

        Raises:
            ServiceError: the broker does not take a command; it is tried again at the next step.
        """
        now = self._clock.now()
        self._settle(conn, now)
        states = [state.value for state in self._steps]
        for _ in State:  # each may take several steps in a row
            moved = False
            for row in db.rows(conn, "ingest_moving_recommendations", site=self._site.id, states=states):
                moved |= self._advance(_Turn(conn, row, now))
            if not moved:
                break
        self._look_after_alarms(conn, now)
        self._publish(conn, now)

    def _settle(self, conn: db.Connection, now: datetime) -> None:
        """Bring commands up to date with answers, measurements and time."""
        site, wait = self._site.id, TIME_LIMITS[State.ACKED].of(self._clock)
        late = f"measured setpoint did not follow within {wait.total_seconds():.0f} s"
        with conn.transaction():
            done = db.rows(conn, "ingest_apply_commands", site=site, now=now, tolerance=TOLERANCE)
            db.rows(conn, "ingest_renew_leases", site=site, now=now, speed=self._clock.speed_ratio)
            bad = db.rows(conn, "ingest_expire_commands", site=site, now=now)
            bad += db.rows(conn, "ingest_fail_commands", site=site, since=now - wait, reason=late)
        for row in done:
            log.info("%s/%s follows: %g", row["asset_id"], row["point"], row["value"])
        for row in bad:
            log.warning("%s/%s: %s", row["asset_id"], row["point"], row["reason"])

    def _advance(self, turn: _Turn) -> bool:
        """One step of one recommendation in a transaction; whether there was one."""
        with turn.conn.transaction():
            found = db.row(turn.conn, "ingest_lock_recommendation", id=turn.number)
            if found is None or found["state"] != turn.state:
                return True  # it has gone on since it was read
            if turn.row["stopped"] and turn.state in STOPPED_BY_HOLD:
                return self._stop(turn, f"HOLD by {turn.row['stopped']}")
            return self._steps[turn.state](turn) or self._ended(turn)

    def _stop(self, turn: _Turn, reason: str) -> bool:
        """HOLD holds here too: whoever decided it may have been overtaken, or may be gone."""
        db.rows(turn.conn, "ingest_cancel_commands", id=turn.number, reason=reason)
        return self._move(turn, STOPPED_BY_HOLD[turn.state], reason)

    def _ended(self, turn: _Turn) -> bool:
        """What becomes of it when its time in a state is over."""
        due = turn.row["due_at"]
        if due is None or due > turn.now:
            return False
        wanted = WHEN_DUE[turn.state]
        if wanted is State.WITHDRAWN:
            return self._withdraw(turn, f"it could not be sent in time: {self._why_not(turn)}")
        if wanted is State.RELEASING:
            return self._move(turn, wanted, "its time is over")
        if wanted is State.REVERT_FAILED:
            self._cry(turn)
        return self._move(turn, wanted, f"{turn.state} for too long")

    # --- the way into the plant

    def _queued(self, turn: _Turn) -> bool:
        """Take the leases and decide on the first messages; publishing comes after the commit."""
        rows = db.rows(turn.conn, "ingest_next_step", id=turn.number)
        if not rows or self._must_wait(rows, turn):
            return False
        if wrong := self._unfit(rows, turn):
            return self._withdraw(turn, wrong)
        for holder in sorted({row["holder"] for row in rows if row["holder"]}):
            self._take_over(turn, holder)
        for row in rows:
            expires_at = turn.now + self._wall(row["lease_s"] or LEASE_S)
            own = row["previous_value"] if row["own_value"] is None else row["own_value"]
            self._hold(turn, row, own, expires_at)
            self._sign_set(turn, row, row["previous_value"])
        return self._move(turn, State.SENT, "commands are on their way")

    def _why_not(self, turn: _Turn) -> str:
        """Why what is queued does not go out now; nothing where it may."""
        rows = db.rows(turn.conn, "ingest_next_step", id=turn.number)
        return self._must_wait(rows, turn) if rows else "it has no commands"

    def _hold(self, turn: _Turn, row: db.Row, own_value: float, expires_at: datetime) -> None:
        db.rows(
            turn.conn,
            "ingest_take_lease",
            site=self._site.id,
            asset=row["asset_id"],
            point=row["point"],
            id=turn.number,
            value=row["value"],
            own_value=own_value,
            now=turn.now,
            expires_at=expires_at,
        )

    def _take_over(self, turn: _Turn, holder: int) -> None:
        """End another recommendation that holds, and hand on what it holds beyond our own points."""
        held = db.rows(turn.conn, "ingest_leases", id=holder)
        reason = f"taken over by recommendation {turn.number}"
        _end(turn, held, reason)
        ours = {_ref(row) for row in db.rows(turn.conn, "ingest_next_step", id=turn.number)}
        for lease in held:
            if _ref(lease) not in ours:
                self._hold(turn, lease, lease["own_value"], lease["expires_at"])
        if not moves.move(turn.conn, holder, State.COMPLETED, at=turn.now, actor=ACTOR, reason=reason):
            raise ServiceError(f"recommendation {holder} goes back meanwhile")  # all of this is undone

    def _must_wait(self, rows: Sequence[db.Row], turn: _Turn) -> str:
        """Why these may not be sent yet: too early, too soon, not free, not seen, not watched."""
        for row in rows:
            ref, found = _ref(row), self._ranges.get(_ref(row))
            hold = timedelta(seconds=found.hold_s if found else 0.0)
            pause = row["planned_pause"] or hold  # between steps of a ramp as planned, but no shorter if late
            if row["not_before"] is not None and row["not_before"] > turn.now:
                return f"{ref} is to change at {row['not_before']:%F %T} UTC only"
            if row["moved_at"] is not None and row["moved_at"] + pause > turn.now:
                wait_s = pause.total_seconds()
                return f"{ref} was changed at {row['moved_at']:%F %T} UTC; {wait_s:.0f} s to wait"
            if row["holder"] not in {None, turn.number} and row["holder_state"] != State.HOLDING:
                return f"recommendation {row['holder']} has {ref} and is {row['holder_state']}"
            if not self._is_fresh(row, turn.now):
                return f"{ref} has no fresh reading"
        return self._unwatched(turn)

    def _unwatched(self, turn: _Turn) -> str:
        """Says that we cannot write, or that the guard is away, where it has ever been there."""
        if self._key is None:
            return "writing back is switched off, or there is no key to sign with"
        at: datetime | None = turn.row["watched_at"]
        if at is None or turn.now - at <= self._wall(WATCH_S):
            return ""
        return f"nobody has watched inlets and readings since {at:%F %T} UTC: the twin service is away"

    def _is_fresh(self, row: db.Row, now: datetime) -> bool:
        oldest = now - timedelta(seconds=max(DATA_AGE_MAX_S, DATA_AGE_WALL_S * self._clock.speed_ratio))
        return row["measured_at"] is not None and row["status"] < BAD_FROM and row["measured_at"] >= oldest

    def _unfit(self, rows: Sequence[db.Row], turn: _Turn) -> str:
        """What is wrong with these by this side's limits; nothing where they are harmless."""
        for row in rows:
            ref, found = _ref(row), self._ranges.get(_ref(row))
            expected = row["held"] if row["holder"] == turn.number else row["previous_value"]
            if found is None:
                return f"{ref} is no setpoint of site.toml"
            if not found.low_c <= row["value"] <= found.high_c:
                return f"{ref}: {row['value']:g} is outside {found.low_c:g} to {found.high_c:g}"
            if not abs(row["measured"] - expected) <= EXPECT_TOLERANCE:
                return f"{ref}: {row['measured']:g} is in force, not {expected:g}"
            if abs(row["value"] - row["measured"]) > found.step_max_k + EPSILON:
                return f"{ref}: a step of {row['value'] - row['measured']:g}; at most {found.step_max_k:g}"
        return ""

    def _sent(self, turn: _Turn) -> bool:
        if turn.row["lost"]:
            return self._fail(turn)
        return not turn.row["unanswered"] and self._move(turn, State.ACKED, "the plant has taken it")

    def _acked(self, turn: _Turn) -> bool:
        if turn.row["lost"]:
            return self._fail(turn)
        return not turn.row["unapplied"] and self._move(turn, State.APPLIED, "measured setpoints follow")

    def _applied(self, turn: _Turn) -> bool:
        if turn.row["queued"]:
            return self._move(turn, State.RAMPING, f"{turn.row['queued']} more to send")
        return self._hold_on(turn)

    def _hold_on(self, turn: _Turn) -> bool:
        self._clear(turn.conn, FAILED, turn.now)
        return self._move(turn, State.HOLDING, "measured setpoints are as advised")

    def _ramping(self, turn: _Turn) -> bool:
        if turn.row["lost"]:
            return self._revert(turn, turn.row["reasons"])
        leases = db.rows(turn.conn, "ingest_leases", id=turn.number)
        if lost := self._lost(leases, turn, moving=turn.row["unapplied"] > 0):
            return self._revert(turn, lost)
        self._renew(turn, leases)
        if turn.row["unapplied"]:
            return False
        return self._next_step(turn) if turn.row["queued"] else self._hold_on(turn)

    def _next_step(self, turn: _Turn) -> bool:
        rows = db.rows(turn.conn, "ingest_next_step", id=turn.number)
        if self._must_wait(rows, turn):
            return False
        if wrong := self._unfit(rows, turn):
            return self._revert(turn, wrong)
        for row in rows:
            expires_at = turn.now + self._wall(row["lease_s"] or LEASE_S)
            db.rows(
                turn.conn,
                "ingest_raise_lease",
                lease_id=row["lease_id"],
                value=row["value"],
                now=turn.now,
                expires_at=expires_at,
            )
            self._sign_set(turn, row, row["held"])
        return True

    def _holding(self, turn: _Turn) -> bool:
        leases = db.rows(turn.conn, "ingest_leases", id=turn.number)
        if lost := self._lost(leases, turn):
            return self._revert(turn, lost)
        self._renew(turn, leases)
        return False

    def _lost(self, leases: Sequence[db.Row], turn: _Turn, *, moving: bool = False) -> str:
        """Why the plant does not hold the advised values, or soon will not; nothing where it does."""
        if unwatched := self._unwatched(turn):
            return unwatched
        for lease in leases:
            ref = _ref(lease)
            if lease["let_go"]:
                return f"{ref}: the plant's side let go: {lease['let_go']}"
            if lease["refused"]:
                return f"{ref}: the lease was not renewed: {lease['refused']}"
            if lease["expires_at"] <= turn.now:
                return f"{ref}: the lease was not renewed: no answer from the plant"
            if (
                not moving
                and _seen(lease, lease["applied_at"] or lease["taken_at"])
                and _apart(lease, "value")
            ):
                return f"{ref}: somebody set {lease['measured']:g} instead of {lease['value']:g}"
        return ""

    def _renew(self, turn: _Turn, leases: Sequence[db.Row]) -> None:
        for lease in leases:
            if (lease["renewed_at"] or lease["taken_at"]) + self._wall(RENEW_S) <= turn.now:
                place = {"id": turn.number, "asset": lease["asset_id"], "point": lease["point"]}
                db.rows(turn.conn, "ingest_forget_renewals", **place)
                self._sign_own(turn, lease, Kind.RENEW)

    # --- the way out of it

    def _withdraw(self, turn: _Turn, reason: str) -> bool:
        """It never went out."""
        db.rows(turn.conn, "ingest_cancel_commands", id=turn.number, reason=reason)
        self._tell(
            turn, f"was not sent: {reason}", "Nothing has been changed; propose it again if it is wanted"
        )
        return self._move(turn, State.WITHDRAWN, reason)

    def _fail(self, turn: _Turn) -> bool:
        db.rows(turn.conn, "ingest_cancel_commands", id=turn.number, reason="another command failed")
        reason = turn.row["reasons"]
        self._tell(turn, f"was not applied: {reason}", "The plant goes back to its own control; look at why")
        return self._move(turn, State.FAILED, reason)

    def _failed(self, turn: _Turn) -> bool:
        return self._move(turn, State.REVERTING, "back to the plant's own control")

    def _revert(self, turn: _Turn, reason: str) -> bool:
        db.rows(turn.conn, "ingest_cancel_commands", id=turn.number, reason="it goes back")
        self._tell(
            turn, f"is not held any more: {reason}", "The plant goes back to its own control; look at why"
        )
        return self._move(turn, State.REVERTING, reason)

    def _leaving(self, turn: _Turn) -> bool:
        """Release what is held, and watch until the plant's own values are seen."""
        leases = db.rows(turn.conn, "ingest_leases", id=turn.number)
        back = [lease for lease in leases if self._is_back(lease, turn.now)]
        for lease in leases:  # what is back already is told as well: the gateway may still hold it
            if (lease not in back or lease["release_state"] is None) and self._release_is_due(
                lease, turn.now
            ):
                self._sign_own(turn, lease, Kind.RELEASE)
        _end(turn, back, "the plant's own control holds it")
        if len(back) == len(leases):
            self._clear(turn.conn, f"{REVERT}{turn.number}", turn.now)
            done = State.COMPLETED if turn.state is State.RELEASING else State.REVERTED
            return self._move(turn, done, "the plant's own control holds it again")
        return False

    def _is_back(self, lease: db.Row, now: datetime) -> bool:
        """Whether a fresh reading shows the plant's own value, or at least none of ours."""
        if not self._is_fresh(lease, now) or not _seen(lease, self._safe_from(lease)):
            return False
        return not _apart(lease, "own_value") or all(
            abs(lease["measured"] - value) > TOLERANCE for value in _ours(lease)
        )

    def _safe_from(self, lease: db.Row) -> datetime:
        """From when on a reading shows where the plant stays: nothing of ours can come after it."""
        follow = TIME_LIMITS[State.ACKED].of(self._clock)
        never_answered: datetime | None = lease["unsafe_until"]
        ends: list[datetime] = [max(lease["expires_at"], never_answered or lease["expires_at"])]
        if lease["release_taken_at"]:
            ends.append(lease["release_taken_at"])
        if any(abs(value - lease["own_value"]) <= TOLERANCE for value in _ours(lease)):
            return min(ends)  # no measurement can tell the plant's own value from ours
        if never_answered:
            ends.append(never_answered + follow)
        elif lease["applied_at"]:
            ends.append(lease["applied_at"])  # it had followed
        return min(ends)

    def _release_is_due(self, lease: db.Row, now: datetime) -> bool:
        """Whether the plant has to be told, or told again."""
        if self._key is None:
            return False
        if lease["release_state"] is None:
            return True
        answered = lease["release_state"] not in {"sent", "queued"}
        pause = TIME_LIMITS[State.SENT].of(self._clock)
        return (
            answered and lease["release_state"] != "acknowledged" and lease["release_sent_at"] + pause <= now
        )

    # --- messages

    def _sign_set(self, turn: _Turn, row: db.Row, expected: float) -> None:
        found = db.row(turn.conn, "ingest_command_sent", command_id=row["command_id"], now=turn.now)
        if found is None:
            raise ServiceError(f"command {row['command_id']} was sent by somebody else")
        until = min(row["expires_at"], turn.now + TIME_LIMITS[State.SENT].of(self._clock))
        made = _Made(Kind.SET, row["command_id"], found["seq"], expected, until, row["step"])
        self._sign(turn, row, made)

    def _sign_own(self, turn: _Turn, lease: db.Row, kind: Kind) -> None:
        """A renewal or a release, which nobody but us decides on."""
        number, until = uuid.uuid4(), turn.now + TIME_LIMITS[State.SENT].of(self._clock)
        (found,) = db.rows(
            turn.conn,
            "ingest_insert_command",
            command_id=number,
            id=turn.number,
            site=self._site.id,
            asset=lease["asset_id"],
            point=lease["point"],
            value=lease["value"],
            now=turn.now,
            expires_at=until,
            kind=kind.value,
            lease_s=LEASE_S,
        )
        self._sign(turn, lease, _Made(kind, number, found["seq"], lease["value"], until))

    def _sign(self, turn: _Turn, row: db.Row, made: _Made) -> None:
        """Put the signed bytes on record; they are published after the commit."""
        if self._key is None:
            return
        found = self._ranges.get(_ref(row))
        command = Command(
            command_id=str(made.command_id),
            site=self._site.id,
            kind=made.kind,
            point=_ref(row),
            value=row["value"],
            unit=point_type(row["point"]).unit,
            expect_current=made.expected,
            min=found.low_c if found else row["value"],
            max=found.high_c if found else row["value"],
            not_before=turn.now,
            expires_at=made.until,
            lease_s=row.get("lease_s") or LEASE_S,
            step=made.step,
            issued_by=turn.row["issued_by"] or "unknown",
            approved_by=turn.row["approved_by"] or "unknown",
            recommendation_id=turn.number,
            seq=made.seq,
            key_id=keys.key_id(self._key.public_key()),
        )
        message = seal(command, self._key)
        db.rows(
            turn.conn,
            "ingest_command_signed",
            command_id=made.command_id,
            message=message,
            expires_at=made.until,
        )

    def _publish(self, conn: db.Connection, now: datetime) -> None:
        """Publish what has been decided and not published by this process yet, in its order."""
        if self._key is None:
            return
        rows = db.rows(conn, "ingest_messages", site=self._site.id, now=now)
        self._published &= {row["command_id"] for row in rows}
        for row in rows:
            if row["command_id"] in self._published:
                continue
            left_s = (row["message_expires_at"] - self._clock.now()).total_seconds() / self._clock.speed_ratio
            topic = command_topic(self._site.id, row["asset_id"], row["point"])
            try:
                self._send(topic, bytes(row["message"]), max(int(left_s), 1))
            except ServiceError as error:
                self._raise(conn, BROKER, 2, f"commands cannot be sent: {error}", _LOOK_AT_BROKER, now)
                raise
            self._published.add(row["command_id"])
            self._clear(conn, BROKER, now)
            log.info("sent %s %s/%s = %g", row["kind"], row["asset_id"], row["point"], row["value"])

    # --- what the operator is told

    def _look_after_alarms(self, conn: db.Connection, now: datetime) -> None:
        self._clear(conn, FAILED, now, before=now - ALARM_KEPT)
        for row in db.rows(conn, "ingest_edges", site=self._site.id):
            source = f"{EDGE}{row['edge']}"
            if row["online"] and now - row["heard_at"] <= self._wall(SILENT_S):
                self._clear(conn, source, now)
            elif not row["needed"]:
                self._clear(conn, source, now)  # nothing is held: nobody waits for it
            else:
                message = f"gateway {row['edge']} is silent since {row['heard_at']:%F %T} UTC"
                self._raise(
                    conn, source, 2, message, "Look at the gateway; the plant falls back by itself", now
                )

    def _tell(self, turn: _Turn, what: str, do: str) -> None:
        message = f"recommendation {turn.number} {what}"
        self._raise(turn.conn, f"{FAILED}{turn.number}", 2, message, do, turn.now)

    def _cry(self, turn: _Turn) -> None:
        leases = db.rows(turn.conn, "ingest_leases", id=turn.number)
        points = ", ".join(f"{_ref(one)} (its own {one['own_value']:g})" for one in leases)
        message = f"recommendation {turn.number} cannot be taken back: {points}"
        do = "Set these points at the plant by hand, or give them back to its own control there"
        self._raise(turn.conn, f"{REVERT}{turn.number}", 1, message, do, turn.now)

    def _raise(
        self, conn: db.Connection, source: str, priority: int, message: str, do: str, now: datetime
    ) -> None:
        found = {"sources": [source], "priorities": [priority], "messages": [message], "actions": [do]}
        if db.rows(conn, "ingest_raise_alarms", site=self._site.id, now=now, **found):
            log.warning("%s", message)

    def _clear(
        self, conn: db.Connection, source: str, now: datetime, *, before: datetime | None = None
    ) -> None:
        db.rows(conn, "ingest_clear_alarm", site=self._site.id, source=source, now=now, before=before or now)

    # --- small things

    def _move(self, turn: _Turn, wanted: State, reason: str) -> bool:
        """The next state; an exception undoes the transaction where somebody else was first."""
        due = self._due(turn, wanted)
        moved = moves.move(turn.conn, turn.number, wanted, at=turn.now, actor=ACTOR, reason=reason, due=due)
        if not moved:
            raise ServiceError(f"recommendation {turn.number} cannot become {wanted}")
        return True

    def _due(self, turn: _Turn, wanted: State) -> datetime | None:
        if wanted is State.HOLDING:
            until: datetime | None = turn.row["hold_until"]
            return until or turn.now + HOLD_DEFAULT
        if wanted not in TIME_LIMITS:
            return None
        wait = TIME_LIMITS[wanted].of(self._clock)
        if wanted is State.RAMPING:
            steps = int(turn.row["queued"])
            hold_s = max((found.hold_s for found in self._ranges.values()), default=0.0)
            begin: datetime = max(turn.now, turn.row["last_not_before"] or turn.now)
            return begin + steps * (wait + timedelta(seconds=hold_s))
        return turn.now + wait

    def _wall(self, seconds: float) -> timedelta:
        """So many wall seconds in plant time."""
        return timedelta(seconds=seconds * self._clock.speed_ratio)


_LOOK_AT_BROKER: Final = "Look at the broker and the network; the plant falls back by itself"


@dataclass(frozen=True, slots=True)
class _Turn:
    """One recommendation's turn."""

    conn: db.Connection
    row: db.Row
    now: datetime

    @property
    def number(self) -> int:
        return int(self.row["recommendation_id"])

    @property
    def state(self) -> State:
        return State(self.row["state"])


@dataclass(frozen=True, slots=True)
class _Made:
    """What differs from message to message."""

    kind: Kind
    command_id: uuid.UUID
    seq: int
    expected: float
    until: datetime
    step: int = 1


def _ref(row: db.Row) -> str:
    return f"{row['asset_id']}/{row['point']}"


def _ours(lease: db.Row) -> list[float]:
    """All that we have set since the plant's own control held the point."""
    return [*(lease["ours"] or ()), lease["value"]]


def _seen(lease: db.Row, since: datetime | None) -> bool:
    """Whether there is a usable reading of a point from a time on."""
    at = lease["measured_at"]
    return at is not None and since is not None and lease["status"] < BAD_FROM and bool(at >= since)


def _apart(lease: db.Row, what: str) -> bool:
    return not abs(lease["measured"] - lease[what]) <= TOLERANCE


def _end(turn: _Turn, leases: Sequence[db.Row], reason: str) -> None:
    ids = [lease["lease_id"] for lease in leases]
    db.rows(turn.conn, "ingest_end_leases", leases=ids, now=turn.now, reason=reason)


def run(context: Context, stop: threading.Event) -> None:
    """Look after commands until `stop` is set.

    Without `write_back`, or without a key to sign with, it says so: nothing is sent then.

    Raises:
        InputError: the key cannot be read.
    """
    file = context.settings.command_key_file
    if not context.site.write_back:
        log.warning("write_back is false in site.toml: accepted recommendations are not sent")
    elif file is None:
        log.warning("no key (JOULECAST_COMMAND_KEY_FILE): accepted recommendations are not sent")
    key = keys.load_private(file) if file and context.site.write_back else None
    link = Link(context)
    dispatcher = Dispatcher(context, key, link.send)
    try:
        while not stop.is_set():
            try:
                _serve(context, dispatcher, stop)
            except (ServiceError, psycopg.Error) as error:
                log.warning("commands: %s; trying again", str(error).strip())
                stop.wait(POLL_S)
    finally:
        link.close()


def _serve(context: Context, dispatcher: Dispatcher, stop: threading.Event) -> None:
    with db.connect(context.dsn, autocommit=True) as conn, alone(conn, context.site.id) as mine:
        while not stop.wait(POLL_S if mine else STANDBY_S) and mine:
            dispatcher.step(conn)
