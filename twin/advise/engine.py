"""The life of a recommendation: propose, leave standing, replace, withdraw, expire, accept, reject.

The only module that writes commands, through a function that takes an `Accepted`. States change through the
database's transition(), which writes the event in the same transaction.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from core import db
from core.actions import Change, Setpoint, State
from core.errors import NotReadyError
from twin.advise import brief, safety
from twin.advise.reset import RESOLUTION_K
from twin.advise.safety import Accepted, Rejected, judge, words

if TYPE_CHECKING:
    from datetime import datetime

    from core.clock import Clock
    from core.jobs import Context
    from core.site import Site
    from twin.advise.assess import Assessment
    from twin.advise.brief import Brief
    from twin.advise.search import Candidate

ACTOR: Final = "joulecast"
"""Who acts where nobody does."""
PROPOSAL_LIFE: Final = timedelta(hours=2)
"""How long an operator may think; the gates are asked again every quarter of an hour and at acceptance."""
COMMAND_LIFE_S: Final = 900.0
"""How long a command may take to reach the plant [s]."""
COMMAND_LIFE_WALL_S: Final = 60.0
"""The same as wall time, for a demonstration whose clock runs fast [s]."""
LOCK_SPACE: Final = 7_506
"""First key of the locks under which a site's proposals change, one process at a time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an operator's decision."""

    ok: bool
    """Whether it was carried out."""
    message: str
    """A sentence for the operator."""


def propose(context: Context) -> str:
    """Advise on the plant as it is now; at most one proposal stands per site.

    Returns:
        What was done, or why there is no advice.

    Raises:
        NotReadyError: calibration, forecast or readings are missing.
    """
    with db.connect(context.dsn) as conn:
        return propose_with(conn, context.site, context.clock)


def propose_with(conn: db.Connection, site: Site, clock: Clock) -> str:
    """`propose` on an open connection, in its transaction."""
    _lock(conn, site)
    now = clock.now()
    standing = _expire(conn, db.rows(conn, "twin_proposals", site=site.id), now)
    try:
        seen = brief.gather(conn, site, clock)
    except NotReadyError as reason:
        for row in standing:
            _move(conn, row, State.WITHDRAWN, now, f"not to be checked any more: {reason}")
        if standing:
            return f"withdrew the standing proposal: {reason}"
        conn.commit()  # what has expired stays so
        raise
    kept = _review(conn, seen, standing)
    found = brief.advise(seen)
    if isinstance(found, str):
        return _kept_words(kept) if kept else f"no advice: {found}"
    return _compare(conn, seen, kept, found)


def _compare(
    conn: db.Connection,
    seen: Brief,
    kept: tuple[db.Row, float] | None,
    found: Candidate,
) -> str:
    change = found.change
    if kept and _same(_changes(kept[0]), (change,)):
        return _kept_words(kept)
    assessment = seen.assess((change,))
    verdict = judge(seen.evidence((change,), assessment))
    if isinstance(verdict, Rejected) and not verdict.only_waits:
        return _kept_words(kept) if kept else f"no advice: {verdict.reason}"
    if kept:
        row, saving_kw = kept
        better_kw = assessment.benefit.p50_kw - saving_kw
        if better_kw < safety.hysteresis_kw(assessment.benefit.facility_kw):
            return _kept_words(kept)
        _move(conn, row, State.SUPERSEDED, seen.now.at, f"another change saves {better_kw:.1f} kW more")
    number = _insert(conn, seen, found, assessment, verdict.results)
    return (
        f"proposed {number}: {words(change.setpoint)} from {change.from_c:.1f} to {change.to_c:.1f} °C,"
        f" {assessment.benefit.p50_kw:.1f} kW expected"
    )


def accept(dsn: str, site: Site, clock: Clock, recommendation_id: int, version: int, actor: str) -> Outcome:
    """Accept a proposal: every gate is asked again on fresh data, then the command is written.

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
    with db.connect(dsn) as conn:
        _lock(conn, site)
        now = clock.now()
        row = db.row(conn, "twin_recommendation", id=recommendation_id, site=site.id)
        refusal = _refusal(row, recommendation_id, version, now)
        if refusal or row is None:
            return _no(refusal)
        changes = _changes(row)
        if not site.write_back:
            return _no(_by_hand(changes))
        try:
            seen = brief.gather(conn, site, clock)
        except NotReadyError as reason:
            return _no(f"Not accepted: {reason}.")
        evidence = replace(seen.evidence(changes, seen.assess(changes)), operator=actor, standing=True)
        match judge(evidence):
            case Accepted() as accepted:
                return _command(conn, site, clock, row, accepted)
            case Rejected() as rejected:
                return _no(f"Not accepted: {rejected.reason}.")


def reject(dsn: str, clock: Clock, recommendation_id: int, version: int, actor: str, reason: str) -> Outcome:
    """Decline a proposal; the reason is kept for good.

    Args:
        dsn: the database.
        clock: the plant's time.
        recommendation_id: which one.
        version: the version of the card that the operator saw.
        actor: the operator's name.
        reason: why.
    """
    if not actor.strip():
        return _no("A name is needed to reject a recommendation.")
    if not reason.strip():
        return _no("Say why: the reason is kept with the recommendation.")
    with db.connect(dsn) as conn:
        if db.row(conn, "twin_recommendation", id=recommendation_id, site=None) is None:
            return _no(f"There is no recommendation {recommendation_id}.")
        done = _transition(
            conn, recommendation_id, State.REJECTED, version, clock.now(), actor.strip(), reason.strip(), {}
        )
    if done:
        return _yes(f"Recommendation {recommendation_id} is rejected.")
    return _no(f"Recommendation {recommendation_id} has changed meanwhile; look at it again.")


def _no(message: str) -> Outcome:
    return Outcome(ok=False, message=message)


def _yes(message: str) -> Outcome:
    return Outcome(ok=True, message=message)


def _lock(conn: db.Connection, site: Site) -> None:
    conn.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (LOCK_SPACE, site.id))


def _refusal(row: db.Row | None, number: int, version: int, now: datetime) -> str:
    if row is None:
        return f"There is no recommendation {number} at this site."
    if row["version"] != version or row["state"] != State.PROPOSED:
        return f"Recommendation {number} has changed meanwhile (it is {row['state']}); look at it again."
    if row["expires_at"] <= now:
        return f"Recommendation {number} has expired; a new one follows where it still holds."
    return ""


def _by_hand(changes: tuple[Change, ...]) -> str:
    return (
        f"This site is advised only (write_back is off): set {_moves(changes)} yourself; the recommendation"
        " ends when the plant reports the new setpoint."
    )


def _moves(changes: tuple[Change, ...]) -> str:
    return ", ".join(f"{words(change.setpoint)} to {change.to_c:.1f} °C" for change in changes)


def _command(conn: db.Connection, site: Site, clock: Clock, row: db.Row, accepted: Accepted) -> Outcome:
    """Move to accepted and write the commands, in the caller's transaction."""
    now = clock.now()
    number = row["recommendation_id"]
    detail = {"verdicts": [result.as_json() for result in accepted.results]}
    if not _transition(
        conn, number, State.ACCEPTED, row["version"], now, accepted.operator, "every gate passed", detail
    ):
        return _no(f"Recommendation {number} has changed meanwhile; look at it again.")
    life_s = max(COMMAND_LIFE_S, COMMAND_LIFE_WALL_S * clock.speed_ratio)
    for change in accepted.changes:
        point = site.setpoints[change.setpoint].point
        db.rows(
            conn,
            "twin_insert_command",
            command_id=uuid.uuid4(),
            id=number,
            site=site.id,
            asset=point.asset,
            point=point.point,
            value=change.to_c,
            previous=change.from_c,
            now=now,
            expires_at=now + timedelta(seconds=life_s),
        )
    return _yes(f"Accepted by {accepted.operator}: {_moves(accepted.changes)} is on its way to the plant.")


def _expire(conn: db.Connection, rows: list[db.Row], now: datetime) -> list[db.Row]:
    for row in rows:
        if row["expires_at"] <= now:
            _move(conn, row, State.EXPIRED, now, "nobody decided in time")
    return [row for row in rows if row["expires_at"] > now]


def _review(conn: db.Connection, seen: Brief, standing: list[db.Row]) -> tuple[db.Row, float] | None:
    """Ask the gates about what stands: the newest that passes stays, with its saving as of now [kW]."""
    kept: tuple[db.Row, float] | None = None
    for row in reversed(standing):
        changes = _changes(row)
        assessment = seen.assess(changes)
        verdict = judge(replace(seen.evidence(changes, assessment), standing=True))
        if kept:
            _move(conn, row, State.SUPERSEDED, seen.now.at, "a newer one stands")
        elif isinstance(verdict, Rejected) and verdict.only_waits:
            kept = row, assessment.benefit.p50_kw
        else:
            reason = verdict.reason if isinstance(verdict, Rejected) else "accepted by nobody"
            _move(conn, row, State.WITHDRAWN, seen.now.at, reason)
    return kept


def _kept_words(kept: tuple[db.Row, float]) -> str:
    row, saving_kw = kept
    return f"recommendation {row['recommendation_id']} still stands, {saving_kw:.1f} kW expected"


def _changes(row: db.Row) -> tuple[Change, ...]:
    return tuple(Change(Setpoint(c["setpoint"]), c["from_c"], c["to_c"]) for c in row["changes"])


def _same(one: tuple[Change, ...], other: tuple[Change, ...]) -> bool:
    return len(one) == len(other) and all(
        a.setpoint == b.setpoint and abs(a.to_c - b.to_c) < RESOLUTION_K - 1e-9
        for a, b in zip(one, other, strict=True)
    )


def _move(conn: db.Connection, row: db.Row, state: State, now: datetime, reason: str) -> None:
    _transition(conn, row["recommendation_id"], state, row["version"], now, ACTOR, reason, {})


def _transition(
    conn: db.Connection,
    number: int,
    wanted: State,
    version: int,
    now: datetime,
    actor: str,
    reason: str,
    detail: dict[str, Any],
) -> bool:
    row = db.row(
        conn,
        "twin_transition",
        id=number,
        wanted=wanted.value,
        version=version,
        now=now,
        actor=actor,
        reason=reason,
        detail=db.json(detail),
    )
    return bool(row and row["done"])


def _insert(
    conn: db.Connection,
    seen: Brief,
    found: Candidate,
    assessment: Assessment,
    results: tuple[safety.GateResult, ...],
) -> int:
    benefit = assessment.benefit
    row = db.row(
        conn,
        "twin_insert_recommendation",
        site=seen.site.id,
        now=seen.now.at,
        expires_at=seen.now.at + PROPOSAL_LIFE,
        changes=db.json([brief.change_json(found.change)]),
        objective=seen.objective.value,
        p10=benefit.p10_kw,
        p50=benefit.p50_kw,
        p90=benefit.p90_kw,
        attribution=db.json(assessment.attribution),
        prediction=db.json({**seen.prediction_json(assessment), "together": seen.together_json()}),
        verdicts=db.json([_verdict_json(result) for result in results]),
        rule=db.json(seen.rule_json()),
        calibration_id=seen.calibration.calibration_id,
    )
    number = int(row["recommendation_id"]) if row else 0
    db.rows(
        conn,
        "twin_insert_proposed",
        id=number,
        now=seen.now.at,
        actor=ACTOR,
        reason=f"{benefit.p50_kw:.1f} kW expected",
        detail=db.json(seen.sources_json()),
    )
    return number


def _verdict_json(result: safety.GateResult) -> dict[str, Any]:
    """As stored; the human gate is not shut while it waits but open to question, so its `ok` is null."""
    stored = result.as_json()
    return {**stored, "ok": None} if result.gate == safety.HUMAN and not result.ok else stored
