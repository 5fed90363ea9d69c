"""How far advice may go on a setpoint: up one step at a time, on evidence and two names; down at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from core import audit, db
from core.actions import AUTHORITIES, Authority, Setpoint
from twin.advise import life, settings
from twin.advise.life import no, yes
from twin.advise.safety import words

if TYPE_CHECKING:
    from core.clock import Clock
    from core.site import Site
    from twin.advise.life import Outcome
    from twin.advise.settings import Chosen

DAYS_MIN: Final = 30.0
"""So long advice must have been in its mode [d]."""
NUMBER_MIN: Final = 20
"""So many savings must have been measured in it."""
COVERAGE_MIN: Final = 0.7
"""Least share of them inside the interval that was stated [1]; it is meant to hold 80 of 100, and of twenty
savings nine times in ten so many are inside where it does."""
ASKED_FOR: Final = timedelta(days=7)
"""So long a promotion that a first person has asked for waits for a second."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for and against trusting advice on a setpoint more than now."""

    setpoint: Setpoint
    authority: Authority
    """In force."""
    next: Authority | None
    """One step more; none where there is none."""
    days: float
    """How long advice has been in its mode [d]."""
    number: int
    """Savings measured in that time."""
    covered: int
    """Of them, those inside the interval that was stated."""
    breaches: int
    """How often an inlet was above its limit while the plant followed."""
    missing: tuple[str, ...]
    """What the next step lacks, each in words; empty where it lacks nothing."""
    asked_by: str
    """Who has asked for the next step; empty where nobody has."""

    @property
    def coverage_ratio(self) -> float:
        """Share of the measured savings inside the interval that was stated [1]; NaN where there are none."""
        return self.covered / self.number if self.number else float("nan")

    def as_json(self) -> dict[str, Any]:
        """As it is stored with a decision that rests on it."""
        return {
            "authority": self.authority.value,
            "days": self.days,
            "number": self.number,
            "covered": self.covered,
            "breaches": self.breaches,
            "missing": list(self.missing),
        }


def evidence(conn: db.Connection, site: Site, clock: Clock, setpoint: Setpoint) -> Evidence:
    """What there is to be said about one setpoint's next step."""
    chosen = settings.read(conn, site)
    now, authority = clock.now(), chosen.authority[setpoint]
    decided = chosen.decided.get(setpoint)
    row = db.row(
        conn,
        "twin_evidence",
        site=site.id,
        setpoint=setpoint.value,
        authority=authority.value,
        since=decided.at if decided else None,
    )
    found = row or {"first_at": None, "number": 0, "covered": 0, "breaches": 0}
    since = decided.at if decided else found["first_at"]
    days = (now - since) / timedelta(days=1) if since else 0.0
    step = AUTHORITIES.index(authority) + 1
    wanted = AUTHORITIES[step] if step < len(AUTHORITIES) else None
    asked = chosen.asked.get(setpoint)
    return Evidence(
        setpoint=setpoint,
        authority=authority,
        next=wanted,
        days=days,
        number=found["number"],
        covered=found["covered"],
        breaches=found["breaches"],
        missing=_missing(days, found),
        asked_by=asked.actor if asked and _waits(chosen, setpoint, wanted, clock) else "",
    )


def _missing(days: float, found: db.Row) -> tuple[str, ...]:
    number, covered, breaches = found["number"], found["covered"], found["breaches"]
    faults = []
    if days < DAYS_MIN:
        faults.append(f"{days:.0f} days in this mode, {DAYS_MIN:.0f} needed")
    if number < NUMBER_MIN:
        faults.append(f"{number} measured savings, {NUMBER_MIN} needed")
    if covered < COVERAGE_MIN * number:
        faults.append(f"{covered} of {number} savings inside the stated interval, {COVERAGE_MIN:.0%} needed")
    if breaches:
        faults.append(f"{breaches} times an inlet was above its limit, none allowed")
    return tuple(faults)


def _waits(chosen: Chosen, setpoint: Setpoint, wanted: Authority | None, clock: Clock) -> bool:
    """Whether somebody has asked for a promotion that nobody has decided on since."""
    asked, decided = chosen.asked.get(setpoint), chosen.decided.get(setpoint)
    if asked is None or wanted is None or asked.value != wanted.value:
        return False
    return clock.now() - asked.at <= ASKED_FOR and (decided is None or asked.number > decided.number)


def change(
    dsn: str, site: Site, clock: Clock, setpoint: Setpoint, wanted: Authority, actor: str, reason: str
) -> Outcome:
    """Let advice go further on a setpoint, or less far.

    Args:
        dsn: the database.
        site: the plant's description.
        clock: the plant's time.
        setpoint: which one.
        wanted: the authority to have.
        actor: who decides. Up it takes two: the first asks, the second agrees.
        reason: why.
    """
    if refusal := settings.unsigned(actor, reason):
        return refusal
    if setpoint not in site.setpoints:
        return no(f"{words(setpoint).capitalize()} may not be changed at this site.")
    name = actor.strip()
    with life.alone(dsn, site) as conn:
        now = settings.read(conn, site).authority[setpoint]
        if AUTHORITIES.index(wanted) > AUTHORITIES.index(now):
            return _promote(conn, site, clock, setpoint, wanted, name, reason.strip())
        if wanted is now:
            return no(f"Advice on {words(setpoint)} is {now.value} already.")
        lower(conn, site, clock, setpoint, wanted, name, reason.strip())
    return yes(f"Advice on {words(setpoint)} is {wanted.value} from now on.")


def _promote(
    conn: db.Connection,
    site: Site,
    clock: Clock,
    setpoint: Setpoint,
    wanted: Authority,
    name: str,
    reason: str,
) -> Outcome:
    found = evidence(conn, site, clock, setpoint)
    if wanted is not found.next:
        step = found.next.value if found.next else "no other"
        return no(f"One step at a time: after {found.authority.value} comes {step}.")
    if wanted in {Authority.SUPERVISED, Authority.AUTO_BOUNDED} and not site.write_back:
        return no(f"{wanted.value} needs write_back = true in site.toml.")
    if found.missing:
        return no(f"Not yet {wanted.value}: {'; '.join(found.missing)}.")
    if not found.asked_by:
        _decide(conn, site, clock, "promotion_asked", found, wanted, name, reason)
        return yes(f"{name} asks for {wanted.value} on {words(setpoint)}; a second person has to agree.")
    if audit.same_person(found.asked_by, name):
        return no(f"{found.asked_by} has asked for it; a second, different person has to agree.")
    _decide(conn, site, clock, "authority", found, wanted, name, reason)
    return yes(f"Advice on {words(setpoint)} is {wanted.value}: {found.asked_by} and {name} agree.")


def _decide(
    conn: db.Connection,
    site: Site,
    clock: Clock,
    kind: str,
    found: Evidence,
    wanted: Authority,
    name: str,
    reason: str,
) -> None:
    low_c, high_c = settings.envelope_in_file(site, found.setpoint)
    beside = {**found.as_json(), "asked_by": found.asked_by, "envelope_c": [low_c, high_c]}
    settings.decide(
        conn,
        site,
        clock,
        kind,
        wanted.value,
        actor=name,
        reason=reason,
        scope=found.setpoint.value,
        evidence=beside,
    )


def lower(
    conn: db.Connection,
    site: Site,
    clock: Clock,
    setpoint: Setpoint,
    wanted: Authority,
    actor: str,
    reason: str,
) -> None:
    """Trust advice on a setpoint less, at once; what rested on more is stopped.

    Args:
        conn: connection that commits by itself.
        site: the plant's description.
        clock: the plant's time.
        setpoint: which one.
        wanted: the authority to have, less than now.
        actor: who decides.
        reason: why.
    """
    settings.decide(
        conn, site, clock, "authority", wanted.value, actor=actor, reason=reason, scope=setpoint.value
    )
    written = wanted in {Authority.SUPERVISED, Authority.AUTO_BOUNDED}
    if not written:
        life.stop(conn, site, clock, f"authority {wanted.value}: {reason}", actor, only=(setpoint,))


def distrust(conn: db.Connection, site: Site, clock: Clock, setpoint: Setpoint, reason: str) -> bool:
    """What went wrong takes the right to write away: back to advice that people carry out by hand.

    Returns:
        Whether there was something to take away.
    """
    now = settings.read(conn, site).authority.get(setpoint, Authority.SHADOW)
    if now in {Authority.SHADOW, Authority.ADVISORY}:
        return False
    lower(conn, site, clock, setpoint, Authority.ADVISORY, life.ACTOR, reason)
    return True
