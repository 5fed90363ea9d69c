"""What can be done to a plant, and the life of a recommendation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from core.clock import Clock


class Setpoint(StrEnum):
    """The setpoints that advice may change."""

    SUPPLY_AIR_TEMPERATURE = "supply_air_temperature"
    CHILLED_WATER_SUPPLY_TEMPERATURE = "chilled_water_supply_temperature"
    CONDENSER_WATER_SUPPLY_TEMPERATURE = "condenser_water_supply_temperature"


@dataclass(frozen=True, slots=True)
class Change:
    """One setpoint's change."""

    setpoint: Setpoint
    """Which one."""
    from_c: float
    """In force now [degC]."""
    to_c: float
    """Wanted [degC]."""

    @property
    def step_k(self) -> float:
        """Size and direction [K]."""
        return self.to_c - self.from_c


class Authority(StrEnum):
    """How far advice may go on a setpoint; each includes what is before it."""

    SHADOW = "shadow"
    """It is worked out and scored against what operators did; nobody can accept it."""
    ADVISORY = "advisory"
    """An operator sets the plant by hand; we watch for it."""
    SUPERVISED = "supervised"
    """What an operator accepts is written."""
    AUTO_BOUNDED = "auto_bounded"
    """It is accepted by itself inside an envelope that people have approved."""


AUTHORITIES: Final = tuple(Authority)
"""From the least to the most."""


class State(StrEnum):
    """Where a recommendation stands."""

    PROPOSED = "proposed"
    SNOOZED = "snoozed"
    ACCEPTED = "accepted"
    AWAITING_SECOND = "awaiting_second"
    PRECHECK = "precheck"
    INSTRUCTED = "instructed"
    """Accepted where nothing is written: an operator has been told what to set."""
    QUEUED = "queued"
    SENT = "sent"
    ACKED = "acked"
    APPLIED = "applied"
    """The measured setpoint has followed the first step."""
    RAMPING = "ramping"
    HOLDING = "holding"
    RELEASING = "releasing"
    FAILED = "failed"
    REVERTING = "reverting"
    REVERT_FAILED = "revert_failed"
    """The plant's own value was not seen again; an alarm stands until it is."""
    COMPLETED = "completed"
    REVERTED = "reverted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


WHEN_DUE: Final[dict[State, State]] = {
    State.PROPOSED: State.EXPIRED,
    State.SNOOZED: State.EXPIRED,
    State.ACCEPTED: State.WITHDRAWN,
    State.AWAITING_SECOND: State.EXPIRED,
    State.PRECHECK: State.WITHDRAWN,
    State.INSTRUCTED: State.EXPIRED,
    State.QUEUED: State.WITHDRAWN,
    State.SENT: State.FAILED,
    State.ACKED: State.FAILED,
    State.APPLIED: State.REVERTING,
    State.RAMPING: State.REVERTING,
    State.HOLDING: State.RELEASING,
    State.RELEASING: State.REVERT_FAILED,
    State.FAILED: State.REVERTING,
    State.REVERTING: State.REVERT_FAILED,
}
"""What becomes of a recommendation whose time in a state is over; every state that waits is a key."""


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """How long something may take."""

    plant_s: float
    """By the plant's clock [s]."""
    wall_s: float
    """At least so long by the clock on the wall [s]: people, brokers and searches are no faster where a
    demonstration's clock runs fast."""

    def of(self, clock: Clock) -> timedelta:
        """The same as plant time."""
        return timedelta(seconds=max(self.plant_s, self.wall_s * clock.speed_ratio))

    def after(self, clock: Clock) -> datetime:
        """When it is over [plant time]."""
        return clock.now() + self.of(clock)


TIME_LIMITS: Final[dict[State, TimeLimit]] = {
    State.PROPOSED: TimeLimit(7200.0, 60.0),
    State.ACCEPTED: TimeLimit(60.0, 60.0),
    State.AWAITING_SECOND: TimeLimit(600.0, 120.0),
    State.PRECHECK: TimeLimit(60.0, 60.0),
    State.INSTRUCTED: TimeLimit(7200.0, 600.0),
    State.QUEUED: TimeLimit(900.0, 60.0),
    State.SENT: TimeLimit(30.0, 15.0),
    State.ACKED: TimeLimit(300.0, 15.0),
    State.APPLIED: TimeLimit(300.0, 30.0),
    State.RAMPING: TimeLimit(1200.0, 30.0),
    State.RELEASING: TimeLimit(600.0, 60.0),
    State.FAILED: TimeLimit(60.0, 30.0),
    State.REVERTING: TimeLimit(600.0, 60.0),
}
"""How long a recommendation may stay in a state; of RAMPING for each step of the ramp. Snoozing and holding
last as long as people said."""
TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.PROPOSED: frozenset(
        {State.ACCEPTED, State.SNOOZED, State.REJECTED, State.EXPIRED, State.SUPERSEDED, State.WITHDRAWN}
    ),
    State.SNOOZED: frozenset(
        {State.PROPOSED, State.REJECTED, State.EXPIRED, State.SUPERSEDED, State.WITHDRAWN}
    ),
    State.ACCEPTED: frozenset({State.AWAITING_SECOND, State.PRECHECK, State.WITHDRAWN}),
    State.AWAITING_SECOND: frozenset({State.PRECHECK, State.REJECTED, State.EXPIRED, State.WITHDRAWN}),
    State.PRECHECK: frozenset({State.QUEUED, State.INSTRUCTED, State.WITHDRAWN}),
    State.INSTRUCTED: frozenset({State.APPLIED, State.REJECTED, State.EXPIRED, State.WITHDRAWN}),
    State.QUEUED: frozenset({State.SENT, State.WITHDRAWN}),
    State.SENT: frozenset({State.ACKED, State.FAILED}),
    State.ACKED: frozenset({State.APPLIED, State.FAILED}),
    State.APPLIED: frozenset({State.RAMPING, State.HOLDING, State.REVERTING}),
    State.RAMPING: frozenset({State.HOLDING, State.REVERTING}),
    State.HOLDING: frozenset({State.RELEASING, State.REVERTING, State.COMPLETED}),
    State.RELEASING: frozenset({State.COMPLETED, State.REVERT_FAILED}),
    State.FAILED: frozenset({State.REVERTING}),
    State.REVERTING: frozenset({State.REVERTED, State.REVERT_FAILED}),
    State.REVERT_FAILED: frozenset({State.REVERTED}),
}
"""Allowed steps; a state that is not a key is an end. The database refuses every other one as well."""
ON_THE_WAY: Final = frozenset(
    {State.ACCEPTED, State.AWAITING_SECOND, State.PRECHECK, State.INSTRUCTED, State.QUEUED}
    | {State.SENT, State.ACKED, State.APPLIED, State.RAMPING}
    | {State.RELEASING, State.FAILED, State.REVERTING}
)
"""States in which something is still to happen at the plant before anything else is advised."""
