"""Recommendations with their events and commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from core.actions import ON_THE_WAY, Authority, Change, Setpoint, State

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ui.data.source import Source

HISTORY: Final = 30
"""How many recommendations the page lists."""
IN_HAND: Final = ON_THE_WAY | {State.HOLDING, State.REVERT_FAILED}
"""Accepted and not at its end yet."""
ASKS: Final = (State.REVERT_FAILED, State.AWAITING_SECOND, State.INSTRUCTED)
"""States that ask for somebody beside one that is proposed."""
REVERTIBLE: Final = frozenset({State.SENT, State.ACKED, State.APPLIED, State.RAMPING, State.HOLDING})
"""States in which an operator may give the setpoint back."""
CHANGE, RENEWAL, REVERT = "change", "renewal", "revert"
"""Kinds of recommendation."""


@dataclass(frozen=True, slots=True)
class Event:
    """One change of state: who, when, why."""

    at: datetime
    from_state: str | None
    to_state: str
    actor: str
    reason: str
    detail: dict[str, Any]
    """Versions of model, calibration and data behind it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A setpoint on its way to the plant."""

    command_id: str
    recommendation_id: int
    ref: str
    kind: str
    """set, or release."""
    step: int
    """Of the ramp."""
    value: float
    previous_value: float
    state: str
    created_at: datetime
    not_before: datetime | None
    sent_at: datetime | None
    acknowledged_at: datetime | None
    applied_at: datetime | None
    reason: str | None
    measured_value: float | None
    """What the plant reports for that setpoint now [canonical unit]."""
    measured_at: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one safety gate said."""

    gate: str
    ok: bool | None
    """None: open until an operator decides."""
    reason: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The saving that was measured afterwards [kWh]."""

    p10_kwh: float
    p50_kwh: float
    p90_kwh: float
    period_from: datetime
    period_to: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """Under what the plant holds an advised value."""

    own_c: float
    """What the plant's own control held before [degC]."""
    until: datetime
    """When the plant's side lets go by itself unless the lease is renewed."""
    renewed_at: datetime


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One card."""

    recommendation_id: int
    version: int
    state: State
    created_at: datetime
    expires_at: datetime
    changes: tuple[Change, ...]
    objective: str
    saving_kw: tuple[float, float, float]
    """p10, p50, p90 [kW]."""
    attribution_kw: dict[str, float]
    """Saving by subsystem [kW]; adds up to the median."""
    prediction: dict[str, Any]
    verdicts: tuple[Verdict, ...]
    rule_changes: tuple[Change, ...]
    rule_saving_kw: float | None
    verified: Verified | None
    kind: str
    """change, renewal or revert."""
    authority: Authority
    """How far it may go."""
    due_at: datetime | None
    """When its state ends by itself."""
    wakes_at: datetime | None
    """When a snoozed one is looked at again."""
    hold_until: datetime | None
    """When the plant's own control has its setpoint back."""
    of: int | None
    """The one that it renews or takes back."""
    plan: dict[str, Any]
    """The blocks of the hours to come."""
    calibration_id: int | None
    sources: dict[str, Any]
    """Versions of model, calibration and data that it rests on."""
    names: tuple[str, ...]
    """Who accepted it."""
    lease: Lease | None

    @property
    def title(self) -> str:
        """Number and version, as an operator would say them on the telephone."""
        return f"Recommendation {self.recommendation_id}, version {self.version}"


def recommendations(source: Source, count: int = HISTORY) -> tuple[Recommendation, ...]:
    """The newest ones; those that wait for something first."""
    rows = source.rows("ui_recommendations", site=source.context.site.id, count=count)
    return tuple(_recommendation(row) for row in rows)


def top(found: tuple[Recommendation, ...], pinned: int | None = None) -> Recommendation | None:
    """The one to show: the pinned one, what asks for somebody, what is proposed, in hand, put off."""
    for wanted in (
        lambda r: r.recommendation_id == pinned,
        lambda r: r.state is State.PROPOSED and r.kind == REVERT,
        lambda r: r.state in ASKS,
        lambda r: r.state is State.PROPOSED,
        lambda r: r.state in IN_HAND,
        lambda r: r.state is State.SNOOZED,
    ):
        hits = [r for r in found if wanted(r)]
        if hits:
            return max(hits, key=lambda r: (r.created_at, r.recommendation_id))
    return None


def events(source: Source, ids: Iterable[int]) -> dict[int, tuple[Event, ...]]:
    """All that happened, by recommendation, oldest first."""
    rows = source.rows("ui_recommendation_events", ids=list(ids))
    found: dict[int, list[Event]] = {}
    for row in rows:
        of = row.pop("recommendation_id")
        found.setdefault(of, []).append(Event(**row))
    return {of: tuple(list_) for of, list_ in found.items()}


def commands(source: Source, ids: Iterable[int]) -> tuple[Command, ...]:
    """The commands of some recommendations, newest first."""
    return tuple(Command(**row) for row in source.rows("ui_commands", ids=list(ids)))


def _changes(found: Any) -> tuple[Change, ...]:
    return tuple(Change(Setpoint(c["setpoint"]), float(c["from_c"]), float(c["to_c"])) for c in found or ())


def _recommendation(row: dict[str, Any]) -> Recommendation:
    rule = row["rule"] or {}
    return Recommendation(
        recommendation_id=row["recommendation_id"],
        version=row["version"],
        state=State(row["state"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        changes=_changes(row["changes"]),
        objective=row["objective"],
        saving_kw=(row["saving_p10_kw"], row["saving_p50_kw"], row["saving_p90_kw"]),
        attribution_kw={str(name): float(saved) for name, saved in row["attribution"].items()},
        prediction=row["prediction"] or {},
        verdicts=tuple(Verdict(v["gate"], v["ok"], v["reason"]) for v in row["verdicts"] or ()),
        rule_changes=_changes(rule.get("changes")),
        rule_saving_kw=rule.get("saving_p50_kw"),
        verified=_verified(row),
        kind=row["kind"],
        authority=Authority(row["authority"]),
        due_at=row["due_at"],
        wakes_at=row["wakes_at"],
        hold_until=row["hold_until"],
        of=row["of_recommendation_id"],
        plan=row["plan"] or {},
        calibration_id=row["calibration_id"],
        sources=row["sources"] or {},
        names=tuple(row["names"] or ()),
        lease=_lease(row),
    )


def _lease(row: dict[str, Any]) -> Lease | None:
    if row["lease_until"] is None:
        return None
    return Lease(row["own_value"], row["lease_until"], row["renewed_at"])


def _verified(row: dict[str, Any]) -> Verified | None:
    if row["saving_p50_kwh"] is None:
        return None
    return Verified(
        row["saving_p10_kwh"],
        row["saving_p50_kwh"],
        row["saving_p90_kwh"],
        row["period_from"],
        row["period_to"],
    )
