"""What people have decided about advice: the objective, HOLD, and how far it may go on each setpoint.

The newest row of `advice_setting` counts; where there is none, what site.toml says. Rows are for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from core import db
from core.actions import AUTHORITIES, Authority, Change, Setpoint
from core.tariff import Objective
from twin.advise import life

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from core.clock import Clock
    from core.site import Site
    from twin.advise.life import Outcome

ON: Final = "on"
OFF: Final = "off"
POLICY: Final = "policy "
"""How the name begins under which advice accepts itself."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One row of `advice_setting`."""

    number: int
    value: str
    actor: str
    reason: str
    at: datetime
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is in force."""

    objective: Objective
    """What advice makes small."""
    hold: Decision | None
    """Who stopped everything; none: nothing is stopped."""
    authority: Mapping[Setpoint, Authority]
    """How far advice may go on each setpoint."""
    decided: Mapping[Setpoint, Decision]
    """Who said so, where somebody did; elsewhere it is what site.toml says."""
    asked: Mapping[Setpoint, Decision]
    """Promotions that a first person has asked for last."""

    def over(self, changes: Iterable[Change]) -> Authority:
        """The least authority over the setpoints of some changes."""
        return least(self.authority.get(change.setpoint, Authority.SHADOW) for change in changes)

    def policy(self, setpoint: Setpoint) -> str:
        """By what name advice accepts itself on a setpoint."""
        decision = self.decided.get(setpoint)
        return f"{POLICY}{decision.number if decision else 'site.toml'}"


def least(authorities: Iterable[Authority]) -> Authority:
    """The one that allows least; where there are none, none is given."""
    return min(authorities, key=AUTHORITIES.index, default=Authority.SHADOW)


def read(conn: db.Connection, site: Site) -> Chosen:
    """What is in force now."""
    found: dict[str, dict[str, Decision]] = {}
    for row in db.rows(conn, "twin_settings", site=site.id):
        found.setdefault(row["kind"], {})[row["scope"]] = _decision(row)
    hold = found.get("hold", {}).get("")
    objective = found.get("objective", {}).get("")
    decided = _by_setpoint(site, found.get("authority", {}))
    return Chosen(
        objective=Objective(objective.value) if objective else site.advice.objective,
        hold=hold if hold and hold.value == ON else None,
        authority={s: _authority(site, decided.get(s)) for s in site.setpoints},
        decided=decided,
        asked=_by_setpoint(site, found.get("promotion_asked", {})),
    )


def _by_setpoint(site: Site, decisions: Mapping[str, Decision]) -> dict[Setpoint, Decision]:
    return {s: decisions[s.value] for s in site.setpoints if s.value in decisions}


def _authority(site: Site, decision: Decision | None) -> Authority:
    """As decided; without write-back nothing goes beyond advice, whatever anybody decided."""
    said = Authority(decision.value) if decision else site.advice.authority
    return said if site.write_back else least((said, Authority.ADVISORY))


def _decision(row: db.Row) -> Decision:
    return Decision(row["setting_id"], row["value"], row["actor"], row["reason"], row["at"], row["evidence"])


def decide(
    conn: db.Connection,
    site: Site,
    clock: Clock,
    kind: str,
    value: str,
    *,
    actor: str,
    reason: str,
    scope: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> int:
    """Put a decision on record; its number."""
    row = db.row(
        conn,
        "twin_setting_insert",
        site=site.id,
        kind=kind,
        scope=scope,
        value=value,
        actor=actor,
        reason=reason,
        at=clock.now(),
        evidence=db.json(dict(evidence or {})),
    )
    return int(row["setting_id"]) if row else 0


def choose_objective(
    dsn: str, site: Site, clock: Clock, objective: Objective, actor: str, reason: str
) -> Outcome:
    """Choose what advice makes small from now on; cards that stand are looked at again.

    Args:
        dsn: the database.
        site: the plant's description.
        clock: the plant's time.
        objective: the choice.
        actor: who chooses.
        reason: why.
    """
    if refusal := unsigned(actor, reason):
        return refusal
    if objective is Objective.COST and not (site.tariff.energy_per_kwh or site.tariff.periods):
        return life.no("Cost needs a price: [tariff] energy_per_kwh in site.toml.")
    with db.connect(dsn) as conn:
        decide(conn, site, clock, "objective", objective.value, actor=actor.strip(), reason=reason.strip())
    return life.yes(f"From now on advice saves {objective.replace('_', ' ')}.")


def unsigned(actor: str, reason: str) -> Outcome | None:
    """What is missing of a name and a reason; none where nothing is."""
    if not actor.strip():
        return life.no("A name is needed: it goes on record.")
    if not reason.strip():
        return life.no("Say why: the reason goes on record.")
    return None


def hold_time(site: Site) -> timedelta:
    """How long an advised value is held before the plant's own control has it back."""
    return timedelta(hours=site.advice.hold_h)


def envelope_in_file(site: Site, setpoint: Setpoint) -> tuple[float, float]:
    """Between which values advice may be accepted by itself [degC]: the setpoint's own limits at most."""
    bounds = site.advice.auto_envelope.get(setpoint, site.setpoints[setpoint])
    return bounds.low_c, bounds.high_c
