"""The watch over all that is not at an end: time limits, HOLD, inlets, readings, the plant's side.

It writes nothing to the plant: what is to go back it moves to `reverting`, and the dispatcher, or the person
who set it by hand, gives it back.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core import db
from core.actions import TIME_LIMITS, Authority, Change, State, TimeLimit
from core.points import BAD_FROM, Status
from twin.advise import authority, life, settings
from twin.advise.brief import change_json
from twin.advise.life import OvertakenError
from twin.advise.observe import age_max_s
from twin.advise.record import PEACE, misses_of
from twin.advise.safety import DRIFT_MAX_K, MISSES_MAX, words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.actions import Setpoint
    from core.clock import Clock
    from core.jobs import Context
    from core.points import PointRef
    from core.site import Site
    from twin.advise.life import Card
    from twin.advise.settings import Chosen

OURS: Final = (*life.STANDING, State.ACCEPTED, State.AWAITING_SECOND, State.PRECHECK, State.INSTRUCTED)
"""States whose time limits nobody else looks after."""
GRACE: Final = TimeLimit(120.0, 60.0)
"""So long after its time limit a state of the dispatcher's is ended here: then the dispatcher is away."""
BLIND: Final = TimeLimit(600.0, 60.0)
"""An advised value is not held for longer than this without readings."""
SILENT: Final = TimeLimit(60.0, 60.0)
"""Nor without a sign of life from the plant's side."""
COOLER_K: Final = 0.5
"""So far below its limit an inlet has to be before its alarm is over [K]."""
INLET, TAKEN_BACK, REVERT_FAILED = "advise.inlet.", "advise.guard.", "advise.revert_failed."
"""Sources of alarms, each followed by the number of the recommendation that it is about."""
DISPATCHERS: Final = "write.revert."
"""The same of the dispatcher's alarm for what did not go back."""


@dataclass(frozen=True, slots=True)
class Plant:
    """What the guard knows of the plant: its latest readings."""

    site: Site
    clock: Clock
    latest: Mapping[str, db.Row]

    def setpoint_c(self, setpoint: Setpoint, since: datetime) -> float | None:
        """What the plant reports of a setpoint since some time [degC]; none where it reports nothing."""
        row = self.latest.get(str(self.site.setpoints[setpoint].point))
        if row is None or row["status"] >= BAD_FROM or row["time"] < since:
            return None
        return float(row["value"])

    @property
    def hottest_c(self) -> float | None:
        """The warmest inlet that is live and GOOD [degC]; none where none is."""
        limit = timedelta(seconds=age_max_s(self.clock))
        good = [row for row in self._good_inlets() if abs(self.clock.now() - row["time"]) <= limit]
        return max((float(row["value"]) for row in good), default=None)

    def is_blind(self, setpoint: Setpoint) -> bool:
        """Whether inlets or the setpoint have not been read for too long."""
        since = self.clock.now() - BLIND.of(self.clock)
        seen = any(row["time"] >= since for row in self._good_inlets())
        return not seen or self.setpoint_c(setpoint, since) is None

    def _good_inlets(self) -> list[db.Row]:
        refs: tuple[PointRef, ...] = self.site.sensors.rack_inlet
        found = [self.latest[str(ref)] for ref in refs if str(ref) in self.latest]
        return [row for row in found if row["status"] == Status.GOOD]


def guard(context: Context) -> str:
    """Look once at all that is not at an end.

    Returns:
        What was done.
    """
    with db.connect(context.dsn, autocommit=True) as conn:
        return _Watch(conn, context.site, context.clock).watch()


class _Watch:
    def __init__(self, conn: db.Connection, site: Site, clock: Clock) -> None:
        self.conn, self.site, self.clock = conn, site, clock
        self.chosen: Chosen = settings.read(conn, site)
        self.plant = Plant(site, clock, {row["ref"]: row for row in db.rows(conn, "latest", site=site.id)})
        self.done: list[str] = []

    def watch(self) -> str:
        self._stop()
        self._end_overdue()
        for card in self._cards(State.INSTRUCTED, *life.HELD, State.REVERTING, State.REVERT_FAILED):
            if card.by_hand:
                with suppress(OvertakenError):
                    self._follow(card)
        for card in self._cards(State.SENT, State.ACKED, *life.HELD):
            with suppress(OvertakenError):
                self._trip(card)
        self._distrust()
        self._alarms()
        return "; ".join(self.done) or "nothing to do"

    def _cards(self, *states: State) -> list[Card]:
        return life.cards(self.conn, self.site, states)

    def _say(self, card: Card, what: str) -> None:
        self.done.append(f"{card.number}: {what}")

    def _stop(self) -> None:
        """HOLD, and authority that was taken away, hold however the process that decided it ended."""
        if hold := self.chosen.hold:
            stopped = life.stop(self.conn, self.site, self.clock, f"HOLD: {hold.reason}", hold.actor)
            self.done += [f"HOLD stopped {stopped}"] if stopped else []
        for card in self._cards(State.QUEUED, State.SENT, State.ACKED, *life.HELD):
            allowed = self.chosen.over(card.changes)
            if not card.by_hand and allowed in {Authority.SHADOW, Authority.ADVISORY}:
                with suppress(OvertakenError):
                    reason = f"nothing is written any more: authority {allowed.value}"
                    life.halt(self.conn, card, self.clock, reason, life.ACTOR)
                    self._say(card, reason)

    def _end_overdue(self) -> None:
        """What waits too long ends; the dispatcher's states only where the dispatcher seems to be away."""
        open_ = self._cards(*life.OPEN)
        ours = [card for card in open_ if card.state in OURS or card.by_hand]
        ended = life.end_overdue(self.conn, self.clock, ours, "nothing happened in time")
        since = self.clock.now() - GRACE.of(self.clock)
        stuck = [c for c in open_ if c not in ours and c.due_at is not None and c.due_at <= since]
        ended += life.end_overdue(self.conn, self.clock, stuck, "nobody has carried it on in time")
        self.done += [f"ended {ended} overdue"] if ended else []

    def _follow(self, card: Card) -> None:
        """Watch what people set by hand by the setpoint that the plant reports."""
        found_c = self.plant.setpoint_c(card.setpoint, card.since)
        if found_c is None:
            return
        wanted_c = card.changes[0].to_c
        there = abs(found_c - wanted_c) <= DRIFT_MAX_K
        back = abs(found_c - card.own_c) <= DRIFT_MAX_K
        reason = f"the plant reports {found_c:.1f} °C"
        if card.state is State.INSTRUCTED and there:
            self._applied(card, reason)
        elif card.state is State.APPLIED:
            due = card.hold_until or self.clock.now()
            life.step(self.conn, card, State.HOLDING, self.clock, "watched as it is", due=due)
        elif card.state is State.HOLDING and not there:
            life.let_be(self.conn, card, self.clock, f"somebody has moved it: {reason}")
        elif card.state in {State.REVERTING, State.REVERT_FAILED} and back:
            life.step(self.conn, card, State.REVERTED, self.clock, reason)

    def _applied(self, card: Card, reason: str) -> None:
        """Set by hand; what was only to be taken back is done with that."""
        lasts = timedelta(0) if card.kind == life.REVERT else settings.hold_time(self.site)
        with self.conn.transaction():
            until = self.clock.now() + lasts
            db.rows(self.conn, "twin_hold_until", id=card.number, hold_until=until)
            life.step(self.conn, card, State.APPLIED, self.clock, reason)
        self._say(card, reason)

    def _trip(self, card: Card) -> None:
        """What must not be while the plant follows: too warm, nothing seen, nothing heard."""
        if card.kind == life.REVERT:
            return  # it is the way back, and holds nothing
        envelope = self.site.limits.envelope
        hottest_c = self.plant.hottest_c
        if card.state in life.HELD and hottest_c is not None and hottest_c > envelope.recommended_high_c:
            self._too_warm(card, hottest_c)
        elif not card.by_hand and self.plant.is_blind(card.setpoint):
            self._take_back(card, f"no readings for {BLIND.of(self.clock).total_seconds():.0f} s")
        elif not card.by_hand and (lost := self._silent()):
            self._take_back(card, lost)

    def _too_warm(self, card: Card, hottest_c: float) -> None:
        envelope = self.site.limits.envelope
        by_itself = Authority.AUTO_BOUNDED in {card.authority, self.chosen.over(card.changes)}
        limit_c, what = envelope.recommended_high_c, "recommended"
        if hottest_c > envelope.allowable_high_c:
            limit_c, what = envelope.allowable_high_c, "allowable"
        reason = f"worst inlet {hottest_c:.1f} °C, {what} limit {limit_c:.1f} °C"
        urgent = what == "allowable"
        helps = card.changes[0].to_c <= card.own_c  # the plant's own value would be warmer
        number = card.number
        action = f"Look at recommendation {number}; take it back unless another cause is known"
        with self.conn.transaction():
            if helps:
                action = f"Look for another cause: recommendation {number} cools, taking it back would warm"
            elif urgent or (by_itself and not card.by_hand):
                life.take_back(self.conn, card, self.clock, reason, detail={"breach": reason})
                authority.distrust(self.conn, self.site, self.clock, card.setpoint, reason)
                self._say(card, reason)
            else:
                self._propose_revert(card, hottest_c, reason)
            self._alarm(
                f"{INLET}{number}",
                1 if urgent else 2,
                f"{reason} while recommendation {number} is in force",
                action,
            )

    def _propose_revert(self, card: Card, hottest_c: float, reason: str) -> None:
        """A card at once; none where one stands or was turned down lately."""
        now = self.clock.now()
        known = [c for c in self._cards(*life.OPEN, State.REJECTED) if c.of_number == card.number]
        if any(
            c.kind == life.REVERT and (c.state is not State.REJECTED or c.since > now - PEACE) for c in known
        ):
            return
        limit_c = self.site.limits.envelope.recommended_high_c
        change = Change(card.setpoint, card.changes[0].to_c, card.own_c)
        row = db.row(
            self.conn,
            "twin_insert_revert",
            of=card.number,
            now=now,
            expires_at=now + TIME_LIMITS[State.PROPOSED].of(self.clock),
            changes=db.json([change_json(change)]),
            prediction=db.json({"worst_inlet_c": hottest_c, "inlet_limit_c": limit_c}),
            verdicts=db.json([{"gate": "prediction", "ok": False, "reason": reason}]),
        )
        number = int(row["recommendation_id"]) if row else 0
        db.rows(
            self.conn,
            "twin_insert_proposed",
            id=number,
            now=now,
            actor=life.ACTOR,
            reason=reason,
            detail=db.json({**card.sources, "breach": reason}),
        )
        self._say(card, f"its revert is proposed as {number}")

    def _silent(self) -> str:
        """Why the plant's side is taken for lost; empty where it is heard, or where none was ever heard."""
        row = db.row(self.conn, "twin_edge_heard", site=self.site.id)
        if row is None:
            return ""
        if not row["online"]:
            return f"the gateway {row['edge']} has gone"
        since = self.clock.now() - SILENT.of(self.clock)
        return f"the gateway {row['edge']} is silent" if row["heard_at"] < since else ""

    def _take_back(self, card: Card, reason: str) -> None:
        with self.conn.transaction():
            life.take_back(self.conn, card, self.clock, reason)
            self._alarm(
                f"{TAKEN_BACK}{card.number}",
                2,
                f"Recommendation {card.number} goes back: {reason}",
                f"See that {words(card.setpoint)} is under the plant's own control",
            )
        self._say(card, reason)

    def _distrust(self) -> None:
        """What missed twice, or did not go back, is not written any more."""
        reasons = {
            setpoint: f"{misses} savings in a row were missed"
            for setpoint, misses in misses_of(self.conn, self.site).items()
            if misses >= MISSES_MAX
        }
        for card in self._cards(State.REVERT_FAILED):
            reasons[card.setpoint] = f"recommendation {card.number} did not go back"
        for setpoint, reason in reasons.items():
            if authority.distrust(self.conn, self.site, self.clock, setpoint, reason):
                self.done.append(f"{words(setpoint)} advisory: {reason}")

    def _alarms(self) -> None:
        """Say what did not go back, unless the dispatcher says it; end the alarms whose reason is over."""
        said = self._about(DISPATCHERS)
        failed = [card for card in self._cards(State.REVERT_FAILED) if card.number not in said]
        for card in failed:
            self._alarm(
                f"{REVERT_FAILED}{card.number}",
                1,
                f"{words(card.setpoint).capitalize()} was not seen at the plant's own value again"
                f" ({card.own_c:.1f} °C) after recommendation {card.number}",
                "Set it at the plant; the alarm ends when the plant reports that value",
            )
        held = {card.number for card in self._cards(State.SENT, State.ACKED, *life.HELD, State.REVERTING)}
        hottest_c = self.plant.hottest_c
        cool = hottest_c is not None and hottest_c < self.site.limits.envelope.recommended_high_c - COOLER_K
        self._clear(REVERT_FAILED, {card.number for card in failed})
        self._clear(TAKEN_BACK, held)
        self._clear(INLET, set() if cool else self._about(INLET))

    def _alarm(self, source: str, priority: int, message: str, action: str) -> None:
        """Raise it unless it stands; where it stands as less grave, it asks anew."""
        about = {"site": self.site.id, "source": source, "priority": priority, "now": self.clock.now()}
        with self.conn.transaction():
            db.rows(self.conn, "twin_clear_lesser_alarm", **about)
            row = db.row(self.conn, "twin_raise_alarm", message=message, action=action, **about)
        self.done += [message] if row else []

    def _about(self, prefix: str) -> set[int]:
        """The recommendations that alarms of one kind stand for."""
        rows = db.rows(self.conn, "twin_alarms_about", site=self.site.id, prefix=prefix)
        return {int(row["source"].removeprefix(prefix)) for row in rows}

    def _clear(self, prefix: str, stands: set[int]) -> None:
        now, site_id = self.clock.now(), self.site.id
        for number in self._about(prefix) - stands:
            db.rows(self.conn, "twin_clear_alarm", site=site_id, source=f"{prefix}{number}", now=now)
