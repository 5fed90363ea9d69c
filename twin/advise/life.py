"""What every step in the life of a recommendation has in common: the site's lock, the rows, the way on."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, ParamSpec

from core import db
from core.actions import TIME_LIMITS, TRANSITIONS, WHEN_DUE, Authority, Change, Setpoint, State
from core.errors import JoulecastError
from core.moves import move
from twin.advise.record import changes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime

    from core.clock import Clock
    from core.site import Site

ACTOR: Final = "joulecast"
"""Who acts where nobody does."""
LOCK_SPACE: Final = 7_507
"""First key of the locks under which a site's proposals change, one process at a time."""
CHANGE: Final = "change"
RENEWAL: Final = "renewal"
"""A lease that ends is to be taken once more."""
REVERT: Final = "revert"
"""What another recommendation did is to be taken back."""
STANDING: Final = (State.PROPOSED, State.SNOOZED)
"""Nobody has decided yet."""
NOT_SENT: Final = (
    *STANDING,
    State.ACCEPTED,
    State.AWAITING_SECOND,
    State.PRECHECK,
    State.INSTRUCTED,
    State.QUEUED,
)
"""Nothing has gone to the plant yet."""
HELD: Final = (State.APPLIED, State.RAMPING, State.HOLDING)
"""The plant follows an advised value."""
STOPPABLE: Final = (*NOT_SENT, State.SENT, State.ACKED, *HELD)
"""What HOLD stops; what is on its way back goes on."""
OPEN: Final = tuple(TRANSITIONS)
"""Not at an end."""
_Asked = ParamSpec("_Asked")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of somebody's decision."""

    ok: bool
    """Whether it was carried out."""
    message: str
    """A sentence for the operator."""


def no(message: str) -> Outcome:
    """It was not carried out."""
    return Outcome(ok=False, message=message)


def yes(message: str) -> Outcome:
    """It was carried out."""
    return Outcome(ok=True, message=message)


class RefusedError(JoulecastError):
    """What somebody decided cannot be carried out; the message says why."""


def answered(decide: Callable[_Asked, Outcome]) -> Callable[_Asked, Outcome]:
    """A decision whose refusal, wherever it comes up, is its outcome."""

    @wraps(decide)
    def answer(*args: _Asked.args, **kwargs: _Asked.kwargs) -> Outcome:
        try:
            return decide(*args, **kwargs)
        except RefusedError as told:
            return no(str(told))

    return answer


class OvertakenError(RefusedError):
    """Somebody else moved a recommendation first: what was begun with it is undone."""

    def __init__(self, number: int) -> None:
        super().__init__(f"Recommendation {number} has changed meanwhile; look at it again.")


@dataclass(frozen=True, slots=True)
class Card:
    """A recommendation as it stands in the database."""

    number: int
    kind: str
    authority: Authority
    """What may become of it, as it was when it was made."""
    state: State
    version: int
    created_at: datetime
    expires_at: datetime
    """Until when somebody may decide."""
    due_at: datetime | None
    """When its state ends by itself."""
    wakes_at: datetime | None
    hold_until: datetime | None
    of_number: int | None
    """The one that it renews or reverts."""
    changes: tuple[Change, ...]
    saving_p50_kw: float
    """What it is expected to save [kW]."""
    by_hand: bool
    """Whether nothing was ever to be written for it."""
    sources: Mapping[str, Any]
    """The versions of model, calibration and data that it rests on."""
    since: datetime
    """When it came into its state."""
    names: tuple[str, ...]
    """Who accepted it."""
    own_value: float | None
    """What the plant's own control held before the lease [degC]; none: there was no lease."""

    @property
    def own_c(self) -> float:
        """What the plant's own control held before [degC]; a card has one change."""
        return self.changes[0].from_c if self.own_value is None else self.own_value

    @property
    def setpoint(self) -> Setpoint:
        """Which one it changes; a card has one change."""
        return self.changes[0].setpoint


@contextmanager
def alone(dsn: str, site: Site) -> Iterator[db.Connection]:
    """A connection whose steps are committed one by one, while nobody else decides for the site."""
    with db.connect(dsn, autocommit=True) as conn:
        conn.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", (LOCK_SPACE, site.id))
        yield conn


def cards(conn: db.Connection, site: Site, states: Collection[State]) -> list[Card]:
    """Those in some states, oldest first."""
    found = db.rows(conn, "twin_life", site=site.id, id=None, states=[state.value for state in states])
    return [_card(row) for row in found]


def card(conn: db.Connection, site: Site, number: int) -> Card | None:
    """One by its number, or none."""
    row = db.row(conn, "twin_life", site=site.id, id=number, states=None)
    return _card(row) if row else None


def known(conn: db.Connection, site: Site, number: int) -> Card:
    """One by its number.

    Raises:
        RefusedError: there is none.
    """
    found = card(conn, site, number)
    if found is None:
        raise RefusedError(f"There is no recommendation {number} at this site.")
    return found


def _card(row: db.Row) -> Card:
    return Card(
        number=row["recommendation_id"],
        kind=row["kind"],
        authority=Authority(row["authority"]),
        state=State(row["state"]),
        version=row["version"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        due_at=row["due_at"],
        wakes_at=row["wakes_at"],
        hold_until=row["hold_until"],
        of_number=row["of_recommendation_id"],
        changes=changes_of(row),
        saving_p50_kw=row["saving_p50_kw"],
        by_hand=row["by_hand"],
        sources=row["sources"],
        since=row["since"] or row["created_at"],
        names=tuple(row["names"] or ()),
        own_value=row["own_value"],
    )


def step(
    conn: db.Connection,
    of: Card,
    wanted: State,
    clock: Clock,
    reason: str,
    *,
    actor: str = ACTOR,
    due: datetime | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Card:
    """Move a card on from the version that was seen.

    Args:
        conn: connection; one that commits by itself where the step stands alone.
        of: the card as it was seen.
        wanted: the state to take on.
        clock: the plant's time.
        reason: why.
        actor: who.
        due: when that state ends by itself; none: as `TIME_LIMITS` has it.
        detail: goes on record beside the versions that the card rests on.

    Returns:
        The card as it is now.

    Raises:
        OvertakenError: somebody else was first, or there is no such step.
    """
    limit = TIME_LIMITS.get(wanted)
    now = clock.now()
    until = due or (now + limit.of(clock) if limit else None)
    beside = {**of.sources, **(detail or {})}
    if not move(
        conn,
        of.number,
        wanted,
        at=now,
        actor=actor,
        reason=reason,
        due=until,
        version=of.version,
        detail=beside,
    ):
        raise OvertakenError(of.number)
    return replace(of, state=wanted, version=of.version + 1, due_at=until, since=now)


def end_overdue(conn: db.Connection, clock: Clock, found: Collection[Card], reason: str) -> int:
    """End the waiting of those whose time is over, as `WHEN_DUE` says; how many that were."""
    ended = 0
    for of in found:
        if of.due_at is not None and of.due_at <= clock.now() and of.state in WHEN_DUE:
            with suppress(OvertakenError):
                _end(conn, of, clock, reason)
                ended += 1
    return ended


def _end(conn: db.Connection, of: Card, clock: Clock, reason: str) -> None:
    wanted = WHEN_DUE[of.state]
    if wanted is State.WITHDRAWN:
        withdraw(conn, of, clock, reason)
    elif of.by_hand and of.state is State.HOLDING:
        let_be(conn, of, clock, reason)
    else:
        with conn.transaction():
            step(conn, of, wanted, clock, reason)
            if wanted in {State.FAILED, State.REVERTING, State.RELEASING}:
                db.rows(conn, "twin_cancel_commands", id=of.number, reason=reason)


def withdraw(conn: db.Connection, of: Card, clock: Clock, reason: str, actor: str = ACTOR) -> None:
    """End what has not reached the plant, with its commands.

    Raises:
        OvertakenError: somebody else was first.
    """
    with conn.transaction():
        step(conn, of, State.WITHDRAWN, clock, reason, actor=actor)
        db.rows(conn, "twin_cancel_commands", id=of.number, reason=reason)


def take_back(
    conn: db.Connection,
    of: Card,
    clock: Clock,
    reason: str,
    *,
    actor: str = ACTOR,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Begin to give a setpoint back to the plant's own control.

    Raises:
        OvertakenError: somebody else was first.
    """
    with conn.transaction():
        if of.state in {State.SENT, State.ACKED}:
            of = step(conn, of, State.FAILED, clock, reason, actor=actor, detail=detail)
        step(conn, of, State.REVERTING, clock, reason, actor=actor, detail=detail)
        db.rows(conn, "twin_cancel_commands", id=of.number, reason=reason)


def let_be(conn: db.Connection, of: Card, clock: Clock, reason: str, actor: str = ACTOR) -> None:
    """End watching a setpoint that was set by hand; it stays as it is.

    Raises:
        OvertakenError: somebody else was first.
    """
    with conn.transaction():
        if of.state is State.APPLIED:
            of = step(conn, of, State.HOLDING, clock, reason, actor=actor, due=clock.now())
        step(conn, of, State.COMPLETED, clock, reason, actor=actor)


def stop(
    conn: db.Connection, site: Site, clock: Clock, reason: str, actor: str, only: Collection[Setpoint] = ()
) -> int:
    """Stop all that is not at an end: what is not in the plant is withdrawn, what is goes back.

    Args:
        conn: connection that commits by itself.
        site: the plant's description.
        clock: the plant's time.
        reason: why.
        actor: who.
        only: the setpoints that it is about; none: all.

    Returns:
        How many were stopped, in whatever state they are by then.
    """
    stopped = 0
    for of in cards(conn, site, STOPPABLE):
        if not only or of.setpoint in only:
            with suppress(OvertakenError), conn.transaction():
                db.rows(conn, "twin_lock", id=of.number)  # nobody overtakes it from here on
                now = card(conn, site, of.number)
                if now is not None and now.state in STOPPABLE:
                    halt(conn, now, clock, reason, actor)
                    stopped += 1
    return stopped


def halt(conn: db.Connection, of: Card, clock: Clock, reason: str, actor: str) -> None:
    """Stop one: withdraw it, let it be where it was set by hand, or take it back.

    Raises:
        OvertakenError: somebody else was first.
    """
    if of.state in NOT_SENT:
        withdraw(conn, of, clock, reason, actor)
    elif of.by_hand:
        let_be(conn, of, clock, f"{reason}; the setpoint stays as it was set by hand", actor)
    else:
        take_back(conn, of, clock, reason, actor=actor)
