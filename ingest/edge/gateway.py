"""The gateway's judgement: a single-threaded state machine between signed commands and a driver.

It believes nobody's limits but its own. It knows each command that it has answered, over restarts too, so
that none is ever written twice; and it lets go by itself: when a lease ends, when nothing genuine is heard,
when an operator takes a point over, at its end, and at its start, whatever an earlier run left behind.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest.edge.drivers.base import DriverError, Seen
from ingest.edge.protocol import Answer, Command, Kind, Reason, Refused, unseal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from core.clock import Clock
    from ingest.edge.drivers.base import Driver
    from ingest.edge.store import Memory, Store

log = logging.getLogger(__name__)

ANSWERS: Final = 256
"""How many answers are remembered; what is older is refused by its number."""
SKEW_S: Final = 5.0
"""How far our clock may be behind the sender's, or step back [wall s]."""
HOUR: Final = timedelta(hours=1)
EPSILON: Final = 1e-6
"""Numbers closer than this are the same."""


@dataclass(frozen=True, slots=True)
class PointLimits:
    """What may be done to a point, by the gateway's own file."""

    unit: str
    """Canonical unit; all numbers below are in it."""
    min: float
    max: float
    max_step: float
    """Largest change at once."""
    max_per_hour: int
    """Most changes in an hour of plant time."""
    dwell_s: float
    """Shortest time between two changes [s of plant time]."""
    lease_max_s: float
    """Longest lease [wall s]."""
    tolerance: float
    """How far what is in force may be from what a command expects."""


@dataclass(frozen=True, slots=True)
class Limits:
    """All of the gateway's own file that it judges by."""

    site: str
    points: Mapping[str, PointLimits]
    silence_s: float
    """After so long without a genuine command everything is let go [wall s]."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A point that we hold."""

    command_id: str
    """Which command set it."""
    recommendation_id: int
    value: float
    ends_at: datetime
    """Plant time."""


@dataclass(slots=True)
class _Asked:
    """A command under judgement."""

    command: Command
    limits: PointLimits
    now: datetime
    lease: Lease | None
    moves: list[datetime]
    """When the point was set in the last hour."""
    seen: Seen = field(default_factory=lambda: Seen(math.nan))
    """What is in force; read only once the cheap questions are answered."""


class Gateway:
    """One site's gateway.

    Args:
        limits: its own limits.
        driver: the plant.
        keys: whose commands it believes, by key id.
        clock: the plant's time.
        store: its memory over restarts.
    """

    def __init__(
        self,
        limits: Limits,
        driver: Driver,
        keys: Mapping[str, Ed25519PublicKey],
        clock: Clock,
        store: Store,
    ) -> None:
        self._limits, self._driver, self._keys, self._clock, self._store = limits, driver, keys, clock, store
        self._memory: Memory = store.load()
        self._leases: dict[str, Lease] = {}
        self._owed = set(limits.points)
        """Points to give back that could not be given back yet; at the start all of them."""
        self._heard_at = self._looked_at = clock.now()

    @property
    def leases(self) -> Mapping[str, Lease]:
        """What we hold, by point; a copy, as another thread may ask."""
        return dict(self._leases)

    def receive(self, payload: bytes, *, retained: bool = False) -> Answer:
        """Judge a command and do it, or not."""
        answer = self._judge(payload, retained=retained)
        if not answer.accepted:
            log.warning("command for %s refused: %s: %s", answer.point, answer.reason, answer.detail)
        return answer

    def _judge(self, payload: bytes, *, retained: bool) -> Answer:
        now = self._clock.now()
        command = unseal(payload, self._keys)
        if isinstance(command, Refused):
            return Answer(
                command_id=command.command_id,
                accepted=False,
                reason=command.reason,
                time=now,
                detail=command.detail,
            )
        if retained:
            return self._say(command, Reason.RETAINED, "the broker had kept it")
        if command.site != self._limits.site:
            return self._say(command, Reason.SITE, f"this is {self._limits.site}")
        if known := self._memory.answers.get(command.command_id):
            return known
        last = self._memory.seqs.get(command.key_id, 0)
        if command.seq <= last:
            return self._say(command, Reason.REPLAYED, f"number {command.seq} is not above {last}")
        self._memory.seqs[command.key_id] = command.seq
        self._heard_at = now
        return self._remember(self._consider(command, now))

    def tick(self) -> list[Answer]:
        """Look at time and plant; says of what it has let go. To be called about once a second."""
        now = self._clock.now()
        ended = self._ended(now)
        self._looked_at = now
        released = [self._let_go(point, reason) for point, reason in ended.items()]
        for point in sorted(self._owed):
            self._give_back(point)
        if self._leases:
            self._beat()
        return released

    def close(self) -> list[Answer]:
        """Let go of everything: our own end."""
        released = [self._let_go(point, Reason.SHUTDOWN) for point in list(self._leases)]
        for point in sorted(self._owed):
            self._give_back(point)
        return released

    def _ended(self, now: datetime) -> dict[str, Reason]:
        """Which points must be let go, and why."""
        if now < self._looked_at - self._wall(SKEW_S):
            return dict.fromkeys(self._leases, Reason.CLOCK)
        if now - self._heard_at > self._wall(self._limits.silence_s):
            return dict.fromkeys(self._leases, Reason.SILENCE)
        found = {}
        for point, lease in self._leases.items():
            if lease.ends_at <= now:
                found[point] = Reason.LEASE_ENDED
            elif reason := self._disturbed(point):
                found[point] = reason
        return found

    def _disturbed(self, point: str) -> Reason | None:
        """Whether somebody above us has taken the point, or nobody can say."""
        try:
            seen = self._driver.read(point)
        except DriverError as error:
            log.warning("%s: %s", point, error)
            return Reason.DRIVER
        return Reason.OVERRIDE if seen.override else None

    def _beat(self) -> None:
        try:
            self._driver.beat()
        except DriverError as error:  # the plant's own watchdog falls back
            log.warning("no sign of life to the plant: %s", error)

    def _wall(self, seconds: float) -> timedelta:
        """So many wall seconds in plant time."""
        return timedelta(seconds=seconds * self._clock.speed_ratio)

    def _consider(self, command: Command, now: datetime) -> Answer:
        """Judge a genuine, new command, and do it."""
        limits = self._limits.points.get(command.point)
        if limits is None:
            return self._say(command, Reason.POINT, f"{command.point} is not in this gateway's own file")
        moves = [at for at in self._memory.moves.get(command.point, []) if now - at < HOUR]
        asked = _Asked(command, limits, now, self._leases.get(command.point), moves)
        if command.kind is Kind.RELEASE:
            return self._release(asked)  # giving back is right whatever the clocks say
        if command.expires_at <= now:
            return self._say(command, Reason.EXPIRED, _clocks("expired at", command.expires_at, now))
        if command.not_before > now + self._wall(SKEW_S):
            return self._say(command, Reason.TOO_EARLY, _clocks("not before", command.not_before, now))
        if command.kind is Kind.SET:
            return self._set(asked)
        return self._renew(asked)

    def _set(self, asked: _Asked) -> Answer:
        command = asked.command
        for reason, wrong in CHECKS:
            if detail := wrong(asked):
                return self._say(command, reason, detail)
        try:
            if command.point in self._owed:
                self._driver.release(command.point)
                self._owed.discard(command.point)
            asked.seen = self._driver.read(command.point)
        except DriverError as error:
            return self._say(command, Reason.DRIVER, str(error))
        for reason, wrong in CHECKS_IN_FORCE:
            if detail := wrong(asked):
                return self._say(command, reason, detail, value=asked.seen.value)
        return self._write(asked)

    def _write(self, asked: _Asked) -> Answer:
        """Write, with the attempt on disk first: a crash from here on must not lead to a second one."""
        command, point = asked.command, asked.command.point
        self._memory.moves[point] = [*asked.moves, asked.now]
        self._remember(self._say(command, Reason.INTERRUPTED, "it was being written when the gateway ended"))
        try:
            self._driver.write(point, command.value)
            seen = self._driver.read(point)
        except DriverError as error:
            self._leases.pop(point, None)
            self._owed.add(point)  # it may have been written
            return self._say(command, Reason.DRIVER, str(error))
        ends_at = asked.now + self._wall(command.lease_s)
        self._leases[point] = Lease(command.command_id, command.recommendation_id, command.value, ends_at)
        log.info("%s = %g %s for %.0f s", point, command.value, command.unit, command.lease_s)
        return self._say(command, value=seen.value)

    def _renew(self, asked: _Asked) -> Answer:
        command, lease = asked.command, asked.lease
        if detail := _lease_too_long(asked):
            return self._say(command, Reason.LEASE, detail)
        if lease is None or abs(lease.value - command.value) > EPSILON:
            return self._say(command, Reason.NO_LEASE, f"{command.value:g} is not held")
        ends_at = asked.now + self._wall(command.lease_s)
        self._leases[command.point] = Lease(lease.command_id, command.recommendation_id, lease.value, ends_at)
        return self._say(command)

    def _release(self, asked: _Asked) -> Answer:
        command, lease = asked.command, asked.lease
        if lease is not None and lease.recommendation_id > command.recommendation_id:
            return self._say(command, Reason.NOT_HOLDER, f"recommendation {lease.recommendation_id} holds it")
        self._leases.pop(command.point, None)
        self._owed.add(command.point)
        seen = self._give_back(command.point)
        if seen is None:
            return self._say(command, Reason.DRIVER, "the plant could not be reached; it is tried again")
        log.info("%s given back as asked; %g is in force", command.point, seen.value)
        return self._say(command, value=seen.value)

    def _let_go(self, point: str, reason: Reason) -> Answer:
        """Give up a lease by ourselves."""
        lease = self._leases.pop(point)
        self._owed.add(point)
        seen = self._give_back(point)
        log.warning("%s let go: %s", point, reason)
        return Answer(
            command_id=lease.command_id,
            accepted=False,
            reason=reason,
            time=self._clock.now(),
            point=point,
            recommendation_id=lease.recommendation_id,
            value=seen.value if seen else None,
            released=True,
        )

    def _give_back(self, point: str) -> Seen | None:
        """Try to release a point; what is in force then, or None where it stays owed."""
        try:
            self._driver.release(point)
            self._owed.discard(point)
            return self._driver.read(point)
        except DriverError as error:
            log.warning("%s cannot be given back: %s", point, error)
            return None

    def _remember(self, answer: Answer) -> Answer:
        """Keep an answer on disk."""
        answers = self._memory.answers
        answers[answer.command_id] = answer
        while len(answers) > ANSWERS:
            del answers[next(iter(answers))]
        self._store.save(self._memory)
        return answer

    def _say(
        self,
        command: Command,
        reason: Reason = Reason.DONE,
        detail: str = "",
        *,
        value: float | None = None,
    ) -> Answer:
        return Answer(
            command_id=command.command_id,
            accepted=reason is Reason.DONE,
            reason=reason,
            time=self._clock.now(),
            point=command.point,
            recommendation_id=command.recommendation_id,
            detail=detail,
            value=value,
        )


def _clocks(what: str, at: datetime, now: datetime) -> str:
    return f"{what} {at:%F %T} UTC, and here it is {now:%F %T} UTC: compare the clocks of both sides"


def _other_unit(asked: _Asked) -> str:
    unit = asked.limits.unit
    return f"{asked.command.unit!r} is not {unit!r}" if asked.command.unit != unit else ""


def _too_low(asked: _Asked) -> str:
    value, low = asked.command.value, asked.limits.min
    return f"{value:g} is below this gateway's {low:g}" if value < low else ""


def _too_high(asked: _Asked) -> str:
    value, high = asked.command.value, asked.limits.max
    return f"{value:g} is above this gateway's {high:g}" if value > high else ""


def _outside_its_own(asked: _Asked) -> str:
    command = asked.command
    if command.min <= command.value <= command.max:
        return ""
    return f"{command.value:g} is outside {command.min:g} to {command.max:g}, which the command states"


def _lease_too_long(asked: _Asked) -> str:
    wanted, longest = asked.command.lease_s, asked.limits.lease_max_s
    return "" if 0.0 < wanted <= longest else f"{wanted:g} s; this gateway's longest is {longest:g} s"


def _too_often(asked: _Asked) -> str:
    most = asked.limits.max_per_hour
    return f"{len(asked.moves)} changes in the last hour; at most {most}" if len(asked.moves) >= most else ""


def _too_soon(asked: _Asked) -> str:
    if not asked.moves:
        return ""
    since_s, dwell_s = (asked.now - asked.moves[-1]).total_seconds(), asked.limits.dwell_s
    return f"{since_s:.0f} s after the last change; at least {dwell_s:.0f} s" if since_s < dwell_s else ""


def _overridden(asked: _Asked) -> str:
    return asked.seen.override


def _other_current(asked: _Asked) -> str:
    expected, found = asked.command.expect_current, asked.seen.value
    same = abs(found - expected) <= asked.limits.tolerance
    return "" if same else f"{found:g} is in force, not {expected:g}"


def _too_far(asked: _Asked) -> str:
    step, most = abs(asked.command.value - asked.seen.value), asked.limits.max_step
    return f"a step of {step:g}; at most {most:g}" if step > most + EPSILON else ""


CHECKS: Final[tuple[tuple[Reason, Callable[[_Asked], str]], ...]] = (
    (Reason.UNIT, _other_unit),
    (Reason.MIN, _too_low),
    (Reason.MAX, _too_high),
    (Reason.COMMAND_RANGE, _outside_its_own),
    (Reason.LEASE, _lease_too_long),
    (Reason.RATE, _too_often),
    (Reason.DWELL, _too_soon),
)
"""What is asked of every `set`; each says what is wrong, or nothing."""
CHECKS_IN_FORCE: Final[tuple[tuple[Reason, Callable[[_Asked], str]], ...]] = (
    (Reason.OVERRIDE, _overridden),
    (Reason.CURRENT, _other_current),
    (Reason.STEP, _too_far),
)
"""What is asked once it is known what is in force."""
