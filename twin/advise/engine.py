"""What people decide about a recommendation, and how an accepted one gets to the plant.

Every step is committed by itself with a time by which it ends, so that a process that dies leaves nothing
open: `carry_on` takes up what was accepted, the guard ends what is overdue. The only module that writes `set`
commands, in one function that takes an `Accepted`.
"""

from __future__ import annotations

import math
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from core import audit, db
from core.actions import TIME_LIMITS, Authority, Change, State
from core.errors import NotReadyError
from twin.advise import brief, life, settings
from twin.advise.life import OvertakenError, answered, no, yes
from twin.advise.safety import TOLERANCE_K, Accepted, Rejected, judge, words
from twin.advise.weigh import weigh, without

if TYPE_CHECKING:
    from datetime import datetime

    from core.clock import Clock
    from core.jobs import Context
    from core.site import Site
    from twin.advise.life import Card, Outcome

LEASE_S: Final = 900.0
"""How long the plant's side holds a value that is not renewed [wall s]."""
SNOOZE_MAX: Final = timedelta(hours=24)
"""Longest time for which a card may be put off."""


def accept(dsn: str, site: Site, clock: Clock, recommendation_id: int, version: int, actor: str) -> Outcome:
    """Accept a proposal: every gate is asked again on fresh data, then it is on its way.

    Args:
        dsn: the database.
        site: the plant's description.
        clock: the plant's time.
        recommendation_id: which one.
        version: the version of the card that the operator saw.
        actor: the operator's name.

    Returns:
        Whether it was accepted, and a sentence that says what happens now or why not.
    """
    if not actor.strip():
        return no("A name is needed: nothing is accepted by nobody.")
    if _like_a_policy(actor):
        return no(f"A name cannot begin with {settings.POLICY.strip()!r}: advice accepts itself under such.")
    with life.alone(dsn, site) as conn:
        return accept_on(conn, site, clock, recommendation_id, version, actor.strip())


def _like_a_policy(actor: str) -> bool:
    """Whether a name could be taken for that of a policy, which needs no second person."""
    return actor.strip().casefold().startswith(settings.POLICY.strip())


@answered
def accept_on(
    conn: db.Connection, site: Site, clock: Clock, number: int, version: int, actor: str
) -> Outcome:
    """`accept` on a connection of `life.alone`."""
    card = life.known(conn, site, number)
    if refusal := _refusal(conn, site, clock, card, version):
        return no(refusal)
    detail = {"card_version": version}
    taken = life.step(conn, card, State.ACCEPTED, clock, "accepted as shown", actor=actor, detail=detail)
    return carry_on(conn, site, clock, replace(taken, names=(actor,)))


def _refusal(conn: db.Connection, site: Site, clock: Clock, card: Card, version: int) -> str:
    if card.version != version or card.state is not State.PROPOSED:
        return f"Recommendation {card.number} has changed meanwhile (it is {card.state}); look at it again."
    if card.expires_at <= clock.now():
        return f"Recommendation {card.number} has expired; a new one follows where it still holds."
    chosen = settings.read(conn, site)
    if chosen.hold:
        return f"HOLD by {chosen.hold.actor}: nothing is accepted until somebody resumes."
    if _authority(card, chosen) is Authority.SHADOW:
        return f"Recommendation {card.number} is only scored (authority shadow) and cannot be accepted."
    return ""


def _authority(card: Card, chosen: settings.Chosen) -> Authority:
    """What may become of a card: what it said when it was made, or less where people decided so since."""
    return settings.least((card.authority, chosen.over(card.changes)))


@answered
def approve_second(
    dsn: str, site: Site, clock: Clock, recommendation_id: int, version: int, actor: str
) -> Outcome:
    """Agree to what somebody else accepted, where a site wants two names.

    Args:
        dsn: the database.
        site: the plant's description.
        clock: the plant's time.
        recommendation_id: which one.
        version: the version of the card that was seen.
        actor: the second person's name; not the first one's, nor typed at the same prompt.
    """
    name = actor.strip()
    with life.alone(dsn, site) as conn:
        card = life.known(conn, site, recommendation_id)
        if card.state is not State.AWAITING_SECOND or card.version != version:
            return no(f"Recommendation {card.number} waits for no second name (it is {card.state}).")
        if not name or any(audit.same_person(name, first) for first in card.names):
            return no(f"A second name is needed, other than {' and '.join(card.names)}.")
        taken = life.step(conn, card, State.PRECHECK, clock, "agreed as second", actor=name)
        return carry_on(conn, site, clock, replace(taken, names=(*card.names, name)))


@answered
def reject(
    dsn: str, site: Site, clock: Clock, recommendation_id: int, version: int, actor: str, reason: str
) -> Outcome:
    """Decline a recommendation that has not gone to the plant; the reason is kept for good.

    Args:
        dsn: the database.
        site: the plant's description.
        clock: the plant's time.
        recommendation_id: which one.
        version: the version of the card that the operator saw.
        actor: the operator's name.
        reason: why.
    """
    if refusal := settings.unsigned(actor, reason):
        return refusal
    with life.alone(dsn, site) as conn:
        card = life.known(conn, site, recommendation_id)
        seen = replace(card, version=version)
        life.step(conn, seen, State.REJECTED, clock, reason.strip(), actor=actor.strip())
    return yes(f"Recommendation {recommendation_id} is rejected.")


@answered
def snooze(
    dsn: str, site: Site, clock: Clock, recommendation_id: int, version: int, actor: str, until: datetime
) -> Outcome:
    """Put a proposal off; it is worked out anew when it wakes.

    Args:
        dsn: the database.
        site: the plant's description.
        clock: the plant's time.
        recommendation_id: which one.
        version: the version of the card that the operator saw.
        actor: the operator's name.
        until: when it comes back [plant time].
    """
    now, name = clock.now(), actor.strip()
    if not name:
        return no("A name is needed: it goes on record.")
    if not now < until <= now + SNOOZE_MAX:
        hours = SNOOZE_MAX.total_seconds() / 3600
        return no(f"A card can be put off until a time from now to {hours:.0f} h ahead.")
    with life.alone(dsn, site) as conn:
        card = life.known(conn, site, recommendation_id)
        due = until + TIME_LIMITS[State.PROPOSED].of(clock)
        reason = f"put off until {until:%Y-%m-%d %H:%M} UTC"
        with conn.transaction():
            seen = replace(card, version=version)
            life.step(conn, seen, State.SNOOZED, clock, reason, actor=name, due=due)
            db.rows(conn, "twin_wakes_at", id=card.number, wakes_at=until)
    return yes(f"Recommendation {recommendation_id} comes back at {until:%H:%M} UTC if it still holds.")


@answered
def revert(dsn: str, site: Site, clock: Clock, recommendation_id: int, actor: str, reason: str) -> Outcome:
    """Give a setpoint back to the plant's own control now.

    Args:
        dsn: the database.
        site: the plant's description.
        clock: the plant's time.
        recommendation_id: whose setpoint.
        actor: the operator's name.
        reason: why.
    """
    if refusal := settings.unsigned(actor, reason):
        return refusal
    with db.connect(dsn, autocommit=True) as conn:
        card = life.known(conn, site, recommendation_id)
        if card.state not in {State.SENT, State.ACKED, *life.HELD}:
            return no(f"Recommendation {card.number} holds nothing in the plant (it is {card.state}).")
        life.take_back(conn, card, clock, reason.strip(), actor=actor.strip())
    return yes(_going_back(card))


def _going_back(card: Card) -> str:
    if card.by_hand:
        return f"Set {words(card.setpoint)} back to {card.own_c:.1f} °C yourself; we watch for it."
    return f"{words(card.setpoint).capitalize()} goes back to the plant's own control."


def hold(dsn: str, site: Site, clock: Clock, actor: str, reason: str) -> Outcome:
    """Stop everything: what has not gone to the plant is withdrawn, what has goes back, nothing new begins.

    Args:
        dsn: the database.
        site: the plant's description.
        clock: the plant's time.
        actor: who stops it.
        reason: why.
    """
    if refusal := settings.unsigned(actor, reason):
        return refusal
    name = actor.strip()
    with db.connect(dsn, autocommit=True) as conn:
        settings.decide(conn, site, clock, "hold", settings.ON, actor=name, reason=reason.strip())
        stopped = life.stop(conn, site, clock, f"HOLD: {reason.strip()}", name)
    return yes(f"HOLD is on: {stopped} recommendations stopped; nothing begins until somebody resumes.")


def resume(dsn: str, site: Site, clock: Clock, actor: str, reason: str) -> Outcome:
    """Take HOLD off.

    Args:
        dsn: the database.
        site: the plant's description.
        clock: the plant's time.
        actor: who takes it off.
        reason: why.
    """
    if refusal := settings.unsigned(actor, reason):
        return refusal
    with db.connect(dsn, autocommit=True) as conn:
        if settings.read(conn, site).hold is None:
            return no("HOLD is not on.")
        name = actor.strip()
        settings.decide(conn, site, clock, "hold", settings.OFF, actor=name, reason=reason.strip())
    return yes("HOLD is off: advice begins again.")


def carry_on_all(context: Context) -> str:
    """Take up what was accepted where the process that did it died on the way; the work of a job."""
    done = 0
    with life.alone(context.dsn, context.site) as conn:
        for card in life.cards(conn, context.site, (State.ACCEPTED, State.PRECHECK)):
            with suppress(OvertakenError):
                carry_on(conn, context.site, context.clock, card)
                done += 1
    return f"carried on with {done} accepted recommendations"


def carry_on(conn: db.Connection, site: Site, clock: Clock, card: Card) -> Outcome:
    """Take an accepted recommendation as far as it goes without the plant, step by committed step.

    Raises:
        OvertakenError: somebody else moved it meanwhile.
    """
    if card.state is State.ACCEPTED and _needs_second(site, card):
        life.step(conn, card, State.AWAITING_SECOND, clock, "this site wants two names")
        return yes(f"Accepted by {card.names[0]}: it waits for a second name.")
    if card.state is State.ACCEPTED:
        card = life.step(conn, card, State.PRECHECK, clock, "the gates look at fresh data")
    chosen = settings.read(conn, site)
    if chosen.hold:
        return _withdrawn(conn, card, clock, f"HOLD by {chosen.hold.actor}")
    if card.kind == life.REVERT:
        return _take_back(conn, site, clock, card)
    return _precheck(conn, site, clock, card, chosen)


def _needs_second(site: Site, card: Card) -> bool:
    """Whether two people have to agree; never to go back, nor where two have agreed to a policy."""
    by_policy = any(name.startswith(settings.POLICY) for name in card.names)
    return site.advice.two_persons and card.kind != life.REVERT and not by_policy


def _withdrawn(conn: db.Connection, card: Card, clock: Clock, reason: str) -> Outcome:
    life.withdraw(conn, card, clock, reason)
    return no(f"Not accepted: {reason}.")


def _take_back(conn: db.Connection, site: Site, clock: Clock, card: Card) -> Outcome:
    """An accepted card of kind `revert` moves the one that it is about; then it waits to see that it has."""
    about = life.card(conn, site, card.of_number or 0)
    if about is None or about.state not in {State.SENT, State.ACKED, *life.HELD}:
        return _withdrawn(conn, card, clock, f"recommendation {card.of_number} is not in the plant any more")
    name = ", ".join(card.names)
    with conn.transaction():
        life.take_back(conn, about, clock, f"recommendation {card.number} accepted", actor=name)
        life.step(conn, card, State.INSTRUCTED, clock, f"recommendation {about.number} is going back")
    return yes(_going_back(about))


def _precheck(conn: db.Connection, site: Site, clock: Clock, card: Card, chosen: settings.Chosen) -> Outcome:
    allowed = _authority(card, chosen)
    if allowed is Authority.SHADOW:
        return _withdrawn(conn, card, clock, "advice on this setpoint is only scored now")
    try:
        seen = replace(brief.gather(conn, site, clock), objective=chosen.objective)
    except NotReadyError as reason:
        return _withdrawn(conn, card, clock, str(reason))
    evidence, _ = weigh(seen, card.kind, card.changes, allowed)
    asked = replace(without(evidence, card.number), operator=", ".join(card.names), standing=True)
    verdict = judge(asked)
    card = replace(card, sources=seen.sources_json())
    if isinstance(verdict, Rejected):
        return _withdrawn(conn, card, clock, verdict.reason)
    detail = {"verdicts": [result.as_json() for result in verdict.results]}
    if allowed is Authority.ADVISORY:
        life.step(conn, card, State.INSTRUCTED, clock, "every gate passed; set by hand", detail=detail)
        return yes(
            f"Accepted by {verdict.operator}: set {_moves(verdict.changes)} yourself; we watch for it."
        )
    return _queue(conn, site, clock, card, verdict, detail)


def _moves(changes: tuple[Change, ...]) -> str:
    return ", ".join(f"{words(change.setpoint)} to {change.to_c:.1f} °C" for change in changes)


def _queue(
    conn: db.Connection, site: Site, clock: Clock, card: Card, accepted: Accepted, detail: dict[str, Any]
) -> Outcome:
    hold_until = clock.now() + settings.hold_time(site)
    with conn.transaction():
        _insert_commands(conn, site, clock, card, accepted)
        db.rows(conn, "twin_hold_until", id=card.number, hold_until=hold_until)
        life.step(conn, card, State.QUEUED, clock, "every gate passed", detail=detail)
    return yes(f"Accepted by {accepted.operator}: {_moves(accepted.changes)} is on its way to the plant.")


def _insert_commands(conn: db.Connection, site: Site, clock: Clock, card: Card, accepted: Accepted) -> None:
    """The steps of each change's ramp, each with the time before which it does not go out."""
    now, life_time = clock.now(), TIME_LIMITS[State.QUEUED].of(clock)
    for change in accepted.changes:
        bounds = site.setpoints[change.setpoint]
        before_c, not_before = change.from_c, now
        for i, to_c in enumerate(ramp(change, bounds.step_max_k)):
            db.rows(
                conn,
                "twin_insert_command",
                command_id=uuid.uuid4(),
                id=card.number,
                site=site.id,
                asset=bounds.point.asset,
                point=bounds.point.point,
                value=to_c,
                previous=before_c,
                now=now,
                expires_at=not_before + life_time,
                step=i + 1,
                not_before=not_before,
                lease_s=LEASE_S,
            )
            not_before += timedelta(hours=abs(to_c - before_c) / bounds.rate_max_k_per_h)
            before_c = to_c


def ramp(change: Change, step_max_k: float) -> tuple[float, ...]:
    """The values on the way to a change's end [degC], equal steps that are none too large; at least one."""
    count = max(math.ceil(abs(change.step_k) / step_max_k - TOLERANCE_K), 1)
    return tuple(change.from_c + change.step_k * (i + 1) / count for i in range(count))
