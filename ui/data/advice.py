"""Recommendations with their events and commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from core.actions import Change, Setpoint, State

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ui.data.source import Source

HISTORY: Final = 30
"""How many recommendations the page lists."""
IN_HAND: Final = frozenset({State.ACCEPTED, State.SENT, State.APPLIED})
"""Accepted and not at its end yet."""


@dataclass(frozen=True, slots=True)
class Event:
    """One change of state: who, when, why."""

    at: datetime
    from_state: str | None
    to_state: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Command:
    """A setpoint on its way to the plant."""

    command_id: str
    recommendation_id: int
    ref: str
    value: float
    previous_value: float
    state: str
    created_at: datetime
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

    @property
    def title(self) -> str:
        """Number and version, as an operator would say them on the telephone."""
        return f"Recommendation {self.recommendation_id}, version {self.version}"


def recommendations(source: Source, count: int = HISTORY) -> tuple[Recommendation, ...]:
    """The newest ones; those still proposed first."""
    rows = source.rows("ui_recommendations", site=source.context.site.id, count=count)
    return tuple(_recommendation(row) for row in rows)


def top(found: tuple[Recommendation, ...], pinned: int | None = None) -> Recommendation | None:
    """The one to show: the pinned one, else the newest proposed, else the newest in hand, else the newest."""
    for wanted in (
        lambda r: r.recommendation_id == pinned,
        lambda r: r.state is State.PROPOSED,
        lambda r: r.state in IN_HAND,
        lambda _: True,
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
    )


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
