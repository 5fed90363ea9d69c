"""Looking at the plant: propose, leave standing, replace, withdraw, wake what was put off, renew a lease.

What advice may do by itself (authority auto_bounded) it accepts here, under the name of its policy and by the
same way and through the same gates as an operator.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from core import db
from core.actions import TIME_LIMITS, Authority, Change, State
from core.errors import NotReadyError
from twin.advise import brief, engine, life, safety, settings
from twin.advise.evidence import PROTECTS_MIN_K
from twin.advise.life import OvertakenError
from twin.advise.reset import RESOLUTION_K
from twin.advise.safety import TOLERANCE_K, Rejected, judge, words
from twin.advise.weigh import weigh

if TYPE_CHECKING:
    from datetime import datetime

    from core.clock import Clock
    from core.jobs import Context
    from core.site import Site
    from twin.advise.assess import Assessment
    from twin.advise.brief import Brief
    from twin.advise.life import Card
    from twin.advise.search import Candidate
    from twin.advise.settings import Chosen

PROPOSAL_LIFE: Final = timedelta(seconds=TIME_LIMITS[State.PROPOSED].plant_s)
"""How long an operator may think; the gates are asked again every minute and at acceptance."""
SHADOW_LIFE: Final = timedelta(hours=24)
"""How long a recommendation that is only scored stands: what operators do until then is compared with it."""
MODIFIED_BY: Final = "modified_by"
"""In a card's sources, who wanted it other than advised: a mere better one does not replace it."""
RENEW_BEFORE: Final = timedelta(hours=2)
"""So long before a lease ends its renewal is proposed."""


def propose(context: Context) -> str:
    """Advise on the plant as it is now; at most one change stands per site.

    Returns:
        What was done, or why there is no advice.

    Raises:
        NotReadyError: calibration, forecast or readings are missing.
    """
    with life.alone(context.dsn, context.site) as conn:
        try:
            return _Look(conn, context.site, context.clock).look()
        except OvertakenError as told:
            return str(told)


class _Look:
    """One look at one site, alone."""

    def __init__(self, conn: db.Connection, site: Site, clock: Clock) -> None:
        self.conn, self.site, self.clock = conn, site, clock
        self.chosen: Chosen = settings.read(conn, site)

    def look(self) -> str:
        life.end_overdue(self.conn, self.clock, self._standing(), "nobody decided in time")
        if self.chosen.hold:
            return f"HOLD by {self.chosen.hold.actor}: nothing is proposed"
        try:
            gathered = brief.gather(self.conn, self.site, self.clock)
        except NotReadyError as reason:
            if self._withdraw_all(f"not to be checked any more: {reason}"):
                return f"withdrew the standing proposal: {reason}"
            raise
        seen = replace(gathered, objective=self.chosen.objective)
        said = self._advise(seen)
        self._accept_by_policy()
        return said

    def _standing(self) -> list[Card]:
        return life.cards(self.conn, self.site, life.STANDING)

    def _withdraw_all(self, reason: str) -> int:
        """What rests on a forecast of the plant, and not on being hot now or on being scored later."""
        standing = [card for card in self._proposed() if card.kind != life.REVERT]
        for card in standing:
            life.withdraw(self.conn, card, self.clock, reason)
        return len(standing)

    def _proposed(self) -> list[Card]:
        """Cards that somebody may accept."""
        cards = life.cards(self.conn, self.site, (State.PROPOSED,))
        return [card for card in cards if card.authority is not Authority.SHADOW]

    def _advise(self, seen: Brief) -> str:
        proposed = self._proposed()
        self._wake(seen)
        self._review_renewals(seen, [card for card in proposed if card.kind == life.RENEWAL])
        self._renew(seen)
        kept = self._review(seen, [card for card in proposed if card.kind == life.CHANGE])
        if any(card.kind == life.REVERT for card in proposed):
            return "no advice: a change is to be taken back"
        found = brief.advise(seen)
        if isinstance(found, str):
            return _kept_words(kept) if kept else f"no advice: {found}"
        return self._compare(seen, kept, found)

    def _review(self, seen: Brief, standing: list[Card]) -> tuple[Card, Assessment] | None:
        """Ask the gates about what stands: the newest that passes stays, with its figures as of now."""
        kept: tuple[Card, Assessment] | None = None
        for card in reversed(standing):
            verdict, assessment = self._ask(seen, card)
            if kept:
                life.step(self.conn, card, State.SUPERSEDED, self.clock, "a newer one stands")
            elif verdict.only_waits:
                kept = card, assessment
            else:
                life.withdraw(self.conn, _with_sources(card, seen), self.clock, verdict.reason)
        return kept

    def _ask(self, seen: Brief, card: Card) -> tuple[Rejected, Assessment]:
        """What the gates say about a card that stands; nobody accepts it now, so one is shut at least."""
        evidence, assessment = weigh(seen, card.kind, card.changes, self.chosen.over(card.changes))
        verdict = judge(replace(evidence, standing=True, operator=None))
        if not isinstance(verdict, Rejected):
            raise OvertakenError(card.number)
        return verdict, assessment

    def _review_renewals(self, seen: Brief, standing: list[Card]) -> None:
        for card in standing:
            verdict, _ = self._ask(seen, card)
            if not verdict.only_waits:
                life.withdraw(self.conn, _with_sources(card, seen), self.clock, verdict.reason)

    def _wake(self, seen: Brief) -> None:
        """What was put off until now is worked out anew and shown again, or withdrawn."""
        for card in life.cards(self.conn, self.site, (State.SNOOZED,)):
            if card.wakes_at is None or card.wakes_at > seen.now.at:
                continue
            verdict, assessment = self._ask(seen, card)
            fresh = _with_sources(card, seen)
            if not verdict.only_waits:
                life.withdraw(self.conn, fresh, self.clock, verdict.reason)
                continue
            with self.conn.transaction():
                reason = f"awake: {assessment.benefit.p50_kw:.1f} kW expected now"
                until = seen.now.at + PROPOSAL_LIFE
                life.step(self.conn, fresh, State.PROPOSED, self.clock, reason, due=until)
                figures = _figures(seen, assessment, verdict.results, card.kind)
                db.rows(self.conn, "twin_refresh_recommendation", id=card.number, expires_at=until, **figures)

    def _renew(self, seen: Brief) -> None:
        """Before a lease ends, propose to take it once more where that still saves."""
        known = life.cards(self.conn, self.site, (*life.OPEN, State.REJECTED))
        asked = {card.of_number for card in known if card.kind == life.RENEWAL}
        for card in known:
            ends = card.hold_until
            if card.state is not State.HOLDING or card.by_hand or card.number in asked or ends is None:
                continue
            if not timedelta(0) < ends - seen.now.at <= RENEW_BEFORE:
                continue
            change = Change(card.setpoint, card.own_c, card.changes[0].to_c)
            evidence, assessment = weigh(seen, life.RENEWAL, (change,), self.chosen.over((change,)))
            verdict = judge(evidence)
            if isinstance(verdict, Rejected) and verdict.only_waits:
                insert(
                    self.conn,
                    seen,
                    self.chosen,
                    change,
                    assessment,
                    verdict.results,
                    kind=life.RENEWAL,
                    of=card.number,
                    expires_at=ends,
                )

    def _compare(self, seen: Brief, kept: tuple[Card, Assessment] | None, found: Candidate) -> str:
        change = found.change
        if kept and _same(kept[0].changes, (change,)):
            return _kept_words(kept)
        evidence, assessment = weigh(seen, life.CHANGE, (change,), self.chosen.over((change,)))
        verdict = judge(evidence)
        if isinstance(verdict, Rejected) and not verdict.only_waits:
            return _kept_words(kept) if kept else f"no advice: {verdict.reason}"
        wanted = kept is not None and MODIFIED_BY in kept[0].sources and not assessment.prediction.protects
        reason = _better(kept[1], assessment) if kept and not wanted else ""
        if kept and not reason:
            return _kept_words(kept)
        with self.conn.transaction():
            if kept:
                life.step(self.conn, kept[0], State.SUPERSEDED, self.clock, reason)
            number = insert(
                self.conn,
                seen,
                self.chosen,
                change,
                assessment,
                verdict.results,
                together=seen.together_json(),
            )
        return (
            f"proposed {number}: {words(change.setpoint)} from {change.from_c:.1f} to {change.to_c:.1f} °C,"
            f" {assessment.benefit.p50_kw:.1f} kW expected"
        )

    def _accept_by_policy(self) -> None:
        """Accept what people have allowed to be accepted by itself, inside the envelope they approved."""
        for card in self._proposed():
            setpoint = card.setpoint
            bounded = card.authority is self.chosen.over(card.changes) is Authority.AUTO_BOUNDED
            if bounded and card.kind != life.REVERT and self._inside(card):
                policy = self.chosen.policy(setpoint)
                engine.accept_on(self.conn, self.site, self.clock, card.number, card.version, policy)

    def _inside(self, card: Card) -> bool:
        decided = self.chosen.decided.get(card.setpoint)
        approved = decided.evidence if decided else {}
        low_c, high_c = approved.get("envelope_c") or settings.envelope_in_file(self.site, card.setpoint)
        return bool(low_c - TOLERANCE_K <= card.changes[0].to_c <= high_c + TOLERANCE_K)


def insert(
    conn: db.Connection,
    seen: Brief,
    chosen: Chosen,
    change: Change,
    assessment: Assessment,
    results: tuple[safety.GateResult, ...],
    *,
    kind: str = life.CHANGE,
    of: int | None = None,
    expires_at: datetime | None = None,
    together: dict[str, Any] | None = None,
    by: str = life.ACTOR,
) -> int:
    """Put a card on record as proposed.

    Args:
        conn: connection of `life.alone`.
        seen: all that is known.
        chosen: what people have decided about advice.
        change: what it moves.
        assessment: what that is worth.
        results: what the gates said of it.
        kind: the card's.
        of: the one that it renews.
        expires_at: until when somebody may decide; none: as long as cards of its authority stand.
        together: what moving all loops at once would save.
        by: who wanted it so.

    Returns:
        Its number.
    """
    authority = chosen.over((change,))
    standing = SHADOW_LIFE if authority is Authority.SHADOW else PROPOSAL_LIFE
    figures = _figures(seen, assessment, results, kind, together)
    wanted = {} if by == life.ACTOR else {MODIFIED_BY: by}
    with conn.transaction():
        row = db.row(
            conn,
            "twin_insert_recommendation",
            site=seen.site.id,
            now=seen.now.at,
            expires_at=expires_at or seen.now.at + standing,
            kind=kind,
            authority=authority.value,
            of=of,
            changes=db.json([brief.change_json(change)]),
            **figures,
        )
        number = int(row["recommendation_id"]) if row else 0
        db.rows(
            conn,
            "twin_insert_proposed",
            id=number,
            now=seen.now.at,
            actor=by,
            reason=f"{assessment.benefit.p50_kw:.1f} kW expected",
            detail=db.json(seen.sources_json() | wanted),
        )
    return number


def _with_sources(card: Card, seen: Brief) -> Card:
    return replace(card, sources=seen.sources_json())


def _figures(
    seen: Brief,
    assessment: Assessment,
    results: tuple[safety.GateResult, ...],
    kind: str,
    together: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What a card shows, as it is stored."""
    benefit = assessment.benefit
    beside = {"together": together} if together else {}
    return {
        "p10": benefit.p10_kw,
        "p50": benefit.p50_kw,
        "p90": benefit.p90_kw,
        "attribution": db.json(assessment.attribution),
        "prediction": db.json({**seen.prediction_json(assessment), **beside}),
        "verdicts": db.json([_verdict_json(result) for result in results]),
        "rule": db.json(seen.rule_json()),
        "objective": seen.objective.value,
        "plan": db.json(seen.plan().to_json() if kind == life.CHANGE else {}),
        "calibration_id": seen.calibration.calibration_id,
    }


def _verdict_json(result: safety.GateResult) -> dict[str, Any]:
    """As stored; the human gate is not shut while it waits but open to question, so its `ok` is null."""
    stored = result.as_json()
    return {**stored, "ok": None} if result.gate == safety.HUMAN and not result.ok else stored


def _better(stands: Assessment, other: Assessment) -> str:
    """Why another change should take the place of the one that stands; empty where it should not."""
    now, then = stands.prediction, other.prediction
    if then.protects and now.inlet_c > now.inlet_limit_c and now.inlet_c - then.inlet_c >= PROTECTS_MIN_K:
        return (
            f"another change takes the worst inlet to {then.inlet_c:.1f} °C, this one to {now.inlet_c:.1f} °C"
        )
    unit, _, p50, _, needed = safety.amounts(other.benefit)
    more = p50 - safety.amounts(stands.benefit)[2]
    return f"another change saves {more:.1f} {unit} more" if more >= needed else ""


def _kept_words(kept: tuple[Card, Assessment]) -> str:
    card, assessment = kept
    return f"recommendation {card.number} still stands, {assessment.benefit.p50_kw:.1f} kW expected"


def _same(one: tuple[Change, ...], other: tuple[Change, ...]) -> bool:
    return len(one) == len(other) and all(
        a.setpoint == b.setpoint and abs(a.to_c - b.to_c) < RESOLUTION_K - 1e-9
        for a, b in zip(one, other, strict=True)
    )
