"""Another value than the one advised: what it would be worth, and a card with it in the first one's place.

A card that a person has changed goes the way of every other: through the same gates now and at acceptance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core import db
from core.actions import Change, State
from core.errors import NotReadyError
from twin.advise import brief, life, propose, settings
from twin.advise.life import Outcome, RefusedError, answered, no, yes
from twin.advise.safety import TOLERANCE_K, Rejected, judge, words
from twin.advise.weigh import weigh

if TYPE_CHECKING:
    from core.clock import Clock
    from core.site import Site
    from twin.advise.assess import Assessment
    from twin.advise.brief import Brief
    from twin.advise.life import Card
    from twin.advise.safety import GateResult
    from twin.advise.settings import Chosen


@dataclass(frozen=True, slots=True)
class Looked:
    """What another value would be worth now."""

    change: Change
    """What would be moved."""
    assessment: Assessment
    """What it is worth and what it risks."""
    results: tuple[GateResult, ...]
    """What every gate says."""
    refusal: str
    """Why the gates do not let it pass; empty where they only wait for a person."""


def look(dsn: str, site: Site, clock: Clock, recommendation_id: int, to_c: float) -> Looked:
    """What a recommendation would be worth with another value; nothing is changed.

    Args:
        dsn: the database.
        site: the plant's description.
        clock: the plant's time.
        recommendation_id: which one.
        to_c: the value instead of the advised one [degC].

    Raises:
        RefusedError: there is no such card, nobody may decide about it, or the value is outside the range.
        NotReadyError: calibration, forecast or readings are missing.
    """
    with db.connect(dsn, autocommit=True) as conn:
        chosen = settings.read(conn, site)
        found = _of(conn, site, clock, recommendation_id, chosen)
        return _look(_seen(conn, site, clock, chosen), site, chosen, found, to_c)


@answered
def modify(
    dsn: str, site: Site, clock: Clock, recommendation_id: int, version: int, actor: str, to_c: float
) -> Outcome:
    """Put a card with another value in the place of one that stands; it is accepted like any other.

    Args:
        dsn: the database.
        site: the plant's description.
        clock: the plant's time.
        recommendation_id: which one.
        version: the version of the card that the operator saw.
        actor: the operator's name.
        to_c: the value instead of the advised one [degC].

    Returns:
        Whether there is another card now, and a sentence that says which or why not.
    """
    name = actor.strip()
    if not name:
        return no("A name is needed: it goes on record.")
    with life.alone(dsn, site) as conn:
        chosen = settings.read(conn, site)
        card = _of(conn, site, clock, recommendation_id, chosen)
        if card.version != version:
            return no(f"Recommendation {card.number} has changed meanwhile; look at it again.")
        try:
            seen = _seen(conn, site, clock, chosen)
        except NotReadyError as missing:
            return no(f"Not to be checked now: {missing}.")
        found = _look(seen, site, chosen, card, to_c)
        if found.refusal:
            return no(f"{_words(found.change)} does not pass the gates: {found.refusal}.")
        with conn.transaction():
            reason = f"{name} wants {_words(found.change)} instead"
            life.step(conn, card, State.SUPERSEDED, clock, reason, actor=name)
            number = propose.insert(
                conn, seen, chosen, found.change, found.assessment, found.results, by=name
            )
    saves = found.assessment.benefit.p50_kw
    return yes(f"Recommendation {number} takes its place: {_words(found.change)}, {saves:.1f} kW expected.")


def _of(conn: db.Connection, site: Site, clock: Clock, number: int, chosen: Chosen) -> Card:
    """A card whose value somebody may still change.

    Raises:
        RefusedError: there is none.
    """
    card = life.known(conn, site, number)
    if card.state is not State.PROPOSED or card.kind != life.CHANGE or card.expires_at <= clock.now():
        raise RefusedError(
            f"The value of recommendation {number} cannot be changed any more (it is {card.state})."
        )
    if chosen.hold:
        raise RefusedError(f"HOLD by {chosen.hold.actor}: nothing is changed until somebody resumes.")
    return card


def _seen(conn: db.Connection, site: Site, clock: Clock, chosen: Chosen) -> Brief:
    return replace(brief.gather(conn, site, clock), objective=chosen.objective)


def _look(seen: Brief, site: Site, chosen: Chosen, card: Card, to_c: float) -> Looked:
    bounds = site.setpoints[card.setpoint]
    if not bounds.low_c - TOLERANCE_K <= to_c <= bounds.high_c + TOLERANCE_K:
        raise RefusedError(
            f"{words(card.setpoint).capitalize()} {to_c:.1f} °C is outside this site's range, "
            f"{bounds.low_c:g} to {bounds.high_c:g} °C."
        )
    change = Change(card.setpoint, card.changes[0].from_c, to_c)
    evidence, assessment = weigh(seen, life.CHANGE, (change,), chosen.over((change,)))
    verdict = judge(replace(evidence, operator=None))
    refusal = verdict.reason if isinstance(verdict, Rejected) and not verdict.only_waits else ""
    return Looked(change, assessment, verdict.results, refusal)


def _words(change: Change) -> str:
    return f"{words(change.setpoint)} {change.from_c:.1f} to {change.to_c:.1f} °C"
