"""What can be done to a plant, and the life of a recommendation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


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


class State(StrEnum):
    """Where a recommendation stands."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    SENT = "sent"
    APPLIED = "applied"
    VERIFIED = "verified"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    REVERTED = "reverted"


TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.PROPOSED: frozenset(
        {State.ACCEPTED, State.REJECTED, State.EXPIRED, State.SUPERSEDED, State.WITHDRAWN}
    ),
    State.ACCEPTED: frozenset({State.SENT, State.FAILED}),
    State.SENT: frozenset({State.APPLIED, State.FAILED}),
    State.APPLIED: frozenset({State.VERIFIED, State.REVERTED}),
    State.VERIFIED: frozenset({State.REVERTED}),
    State.FAILED: frozenset({State.REVERTED}),
}
"""Allowed steps; a state that is not a key is terminal. The database refuses every other one as well."""
