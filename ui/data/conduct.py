"""What people have decided about advice: objective, HOLD, authority by setpoint with its evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from core.actions import Authority
from core.tariff import Objective

if TYPE_CHECKING:
    from datetime import datetime

    from core.actions import Setpoint
    from ui.data.source import Source

_KEEP_WALL_S: Final = 1.0
ALARMS: Final = "advise."
"""Sources of alarms about advice begin so."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Who stopped everything, and why."""

    actor: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something about advice that a person has to look at."""

    alarm_id: int
    source: str
    priority: int
    """1 is the gravest."""
    message: str
    action: str
    """What to do."""
    looked: str | None
    """Who has looked; none: nobody yet."""


@dataclass(frozen=True, slots=True)
class Trust:
    """How far advice may go on one setpoint, and what speaks for the next step."""

    setpoint: Setpoint
    authority: Authority
    below: tuple[Authority, ...]
    """Authorities to which anybody may take it down."""
    above: Authority | None
    """The next step up; none where there is none."""
    days: int
    """Whole ones in the present mode."""
    number: int
    """Savings measured in that time."""
    coverage_ratio: float
    """Share of them inside the interval that was stated [1]; NaN where there are none."""
    breaches: int
    """How often an inlet was above its limit meanwhile."""
    missing: tuple[str, ...]
    """What the next step lacks, in words."""
    asked_by: str
    """Who has asked for it."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """All of it."""

    objective: str
    objectives: tuple[str, ...]
    """Those that may be chosen."""
    hold: Hold | None
    trust: tuple[Trust, ...]
    alarms: tuple[Alarm, ...]
    """The gravest first."""


def hold(source: Source) -> Hold | None:
    """Whether everything is stopped; read once however many pages ask within a second."""
    rows = source.kept("hold", _KEEP_WALL_S, lambda: source.rows("ui_hold", site=source.context.site.id))
    if not rows or rows[0]["value"] != "on":
        return None
    return Hold(rows[0]["actor"], rows[0]["reason"], rows[0]["at"])


def conduct(source: Source) -> Conduct:
    """What is in force, with the evidence."""
    from twin.advise import authority, settings  # noqa: PLC0415  # the twin's libraries load when needed

    site = source.context.site
    with source.connection() as conn:
        chosen = settings.read(conn, site)
        found = [
            authority.evidence(conn, site, source.context.clock, setpoint) for setpoint in site.setpoints
        ]
    order = list(Authority)
    trust = tuple(
        Trust(
            setpoint=e.setpoint,
            authority=e.authority,
            below=tuple(order[: order.index(e.authority)]),
            above=e.next,
            days=int(e.days),
            number=e.number,
            coverage_ratio=e.coverage_ratio,
            breaches=e.breaches,
            missing=e.missing,
            asked_by=e.asked_by,
        )
        for e in found
    )
    alarms = source.rows("ui_advice_alarms", site=site.id, prefix=f"{ALARMS}%")
    return Conduct(
        objective=chosen.objective.value,
        objectives=tuple(objective.value for objective in Objective),
        hold=Hold(chosen.hold.actor, chosen.hold.reason, chosen.hold.at) if chosen.hold else None,
        trust=trust,
        alarms=tuple(Alarm(*row.values()) for row in alarms),
    )
