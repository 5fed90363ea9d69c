"""What an operator may do from a page. The engine has the rules: a page hands on what was seen and who."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from core import alarms, audit, db
from core.alarms import Verb
from core.errors import JoulecastError, ServiceError
from ui.access import auth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from core.actions import Authority, Setpoint
    from core.clock import Clock
    from core.site import Site
    from core.tariff import Objective
    from twin.advise.modify import Looked
    from ui.data import Source

log = logging.getLogger(__name__)
REASON_MAX: Final = 500
SEEN: Final = "seen on the page"
"""The reason of an acknowledgement, which asks for none."""
_DONE: Final = {
    Verb.ACKNOWLEDGE: "acknowledged",
    Verb.SHELVE: "shelved",
    Verb.RESTORE: "brought back",
    Verb.TAKE_OUT: "taken out of service",
    Verb.COMMENT: "comment kept",
}
"""What people do to alarms, in words."""


class Outcome(Protocol):
    """What became of an action."""

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        ...

    @property
    def message(self) -> str:
        """One sentence for the operator."""
        ...


def actor_problem(actor: str | None) -> str:
    """What is wrong with an operator's name; nothing where it will do."""
    return audit.name_problem(actor or "")


def reason_problem(reason: Any) -> str:
    """What is wrong with a reason, whatever a browser may send; nothing where it will do."""
    text = reason.strip() if isinstance(reason, str) else ""
    if not text:
        return "Say why: the reason goes on record."
    if "\x00" in text:
        return "A reason is text; this one has a character that cannot be kept."
    return "" if len(text) <= REASON_MAX else f"At most {REASON_MAX} characters."


@dataclass(frozen=True, slots=True)
class Said:
    """An outcome of our own."""

    ok: bool
    message: str


class UnsureError(ServiceError):
    """The database broke off in the middle of a decision: nobody knows whether it was done."""


@contextmanager
def decided() -> Iterator[None]:
    """Around every decision: a database that breaks off is said to whoever decides, never passed over.

    Raises:
        UnsureError: it broke off.
    """
    try:
        yield
    except db.Error as error:
        log.exception("the database broke off while %s decided", auth.user().name or "somebody")
        raise UnsureError(
            "The database broke off: it may have been done. Look before you try again."
        ) from error


def not_done(error: JoulecastError) -> str:
    """What to say of a decision that ended with an error."""
    return str(error) if isinstance(error, UnsureError) else f"Not done: {error}"


def recorded(source: Source, what: str, of: str, outcome: Outcome, reason: str = "") -> Outcome:
    """Put on record what somebody has done, after it was; its own events are written with it in any case.

    Args:
        source: the way to the database.
        what: the action, e.g. ``advice.accept``.
        of: what it was done to.
        outcome: what became of it; what was not done is not recorded.
        reason: why.

    Returns:
        The outcome; with a word more where the record could not be written.
    """
    if not outcome.ok:
        return outcome
    try:
        with source.writing() as conn:
            audit.add(conn, auth.who(), what, of, new=outcome.message, reason=reason)
    except ServiceError:
        log.exception("not in the audit record: %s of %s by %s", what, of, auth.user().name)
        return Said(ok=True, message=f"{outcome.message} The audit record could not be written.")
    return outcome


def _card(number: int) -> str:
    return f"recommendation {number}"


def _where(source: Source) -> tuple[str, Site, Clock]:
    return source.context.dsn, source.context.site, source.context.clock


@decided()
def accept(source: Source, number: int, version: int, actor: str) -> Outcome:
    """Accept the recommendation in the version that the operator saw."""
    from twin.advise import engine  # noqa: PLC0415  # the search's libraries load when they are needed

    done = engine.accept(*_where(source), number, version, actor.strip())
    return recorded(source, "advice.accept", _card(number), done)


@decided()
def reject(source: Source, number: int, version: int, actor: str, reason: str) -> Outcome:
    """Reject it, with a reason."""
    from twin.advise import engine  # noqa: PLC0415  # as above

    done = engine.reject(*_where(source), number, version, actor.strip(), reason.strip())
    return recorded(source, "advice.reject", _card(number), done, reason.strip())


@decided()
def modify(source: Source, number: int, version: int, actor: str, to_c: float) -> Outcome:
    """Put another value in the place of the advised one."""
    from twin.advise import modify as modifying  # noqa: PLC0415  # as above

    done = modifying.modify(*_where(source), number, version, actor.strip(), to_c)
    return recorded(source, "advice.modify", _card(number), done)


def look_at(source: Source, number: int, to_c: float) -> Looked:
    """What another value than the advised one would be worth; nothing is changed.

    Raises:
        JoulecastError: the card is gone, the value is outside the range, data are missing, or the database
            breaks off.
    """
    from twin.advise import modify as modifying  # noqa: PLC0415  # as above

    try:
        return modifying.look(*_where(source), number, to_c)
    except db.Error as error:
        raise ServiceError("the database broke off; nothing was changed") from error


@decided()
def approve_second(source: Source, number: int, version: int, actor: str) -> Outcome:
    """Agree to what somebody else has accepted."""
    from twin.advise import engine  # noqa: PLC0415  # as above

    done = engine.approve_second(*_where(source), number, version, actor.strip())
    return recorded(source, "advice.second", _card(number), done)


@decided()
def snooze(source: Source, number: int, version: int, actor: str, until: datetime) -> Outcome:
    """Put it off until a time of the plant's."""
    from twin.advise import engine  # noqa: PLC0415  # as above

    done = engine.snooze(*_where(source), number, version, actor.strip(), until)
    return recorded(source, "advice.snooze", _card(number), done)


@decided()
def revert(source: Source, number: int, actor: str, reason: str) -> Outcome:
    """Give a setpoint back to the plant's own control now."""
    from twin.advise import engine  # noqa: PLC0415  # as above

    done = engine.revert(*_where(source), number, actor.strip(), reason.strip())
    return recorded(source, "advice.revert", _card(number), done, reason.strip())


@decided()
def hold(source: Source, actor: str, reason: str) -> Outcome:
    """Stop everything."""
    from twin.advise import engine  # noqa: PLC0415  # as above

    done = engine.hold(*_where(source), actor.strip(), reason.strip())
    return recorded(source, "advice.hold", source.context.site.id, done, reason.strip())


@decided()
def resume(source: Source, actor: str, reason: str) -> Outcome:
    """Let advice go on."""
    from twin.advise import engine  # noqa: PLC0415  # as above

    done = engine.resume(*_where(source), actor.strip(), reason.strip())
    return recorded(source, "advice.resume", source.context.site.id, done, reason.strip())


@decided()
def look(source: Source, alarm_id: int, actor: str) -> Outcome:
    """Put on record that somebody has looked at an alarm; what it suspends goes on."""
    context = source.context
    with db.connect(context.dsn) as conn:
        row = db.row(
            conn,
            "ui_acknowledge_alarm",
            site=context.site.id,
            id=alarm_id,
            actor=actor.strip(),
            now=context.clock.now(),
        )
        if row is None:
            return Said(ok=False, message="Somebody has looked at it already.")
        done = Said(ok=True, message=f"On record: {actor.strip()} has looked at “{row['message']}”.")
        audit.add(conn, auth.who(), "alarm.acknowledge", f"alarm {alarm_id}", new=done.message)
    return done


def alarm(
    source: Source, number: int, verb: Verb, actor: str, reason: str, until: datetime | None = None
) -> Outcome:
    """Do something to an alarm, on record in the same transaction; and say what became of it."""
    context = source.context
    try:
        with decided(), db.connect(context.dsn) as conn:
            if not alarms.act(
                conn, context.site.id, number, verb,
                at=source.now, actor=actor, reason=reason, until=until,
            ):  # fmt: skip
                return Said(ok=False, message=f"Alarm {number} is in another state by now: nothing was done.")
            done = Said(ok=True, message=f"Alarm {number}: {_DONE[verb]} by {actor}.")
            audit.add(conn, auth.who(), f"alarm.{verb}", f"alarm {number}", new=done.message, reason=reason)
    except JoulecastError as error:
        return Said(ok=False, message=not_done(error))
    return done


def acknowledge_all(source: Source, numbers: Iterable[int], actor: str) -> Outcome:
    """Acknowledge those that were shown; whatever came since stays."""
    said = [alarm(source, number, Verb.ACKNOWLEDGE, actor, SEEN) for number in numbers]
    done = sum(one.ok for one in said)
    rest = [one.message for one in said if not one.ok]
    return Said(ok=not rest, message=" ".join([f"{done} acknowledged by {actor}.", *rest[:1]]))


@decided()
def choose_objective(source: Source, wanted: Objective, actor: str, reason: str) -> Outcome:
    """Choose what advice makes small."""
    from twin.advise import settings  # noqa: PLC0415  # as above

    done = settings.choose_objective(*_where(source), wanted, actor.strip(), reason.strip())
    return recorded(source, "advice.objective", source.context.site.id, done, reason.strip())


@decided()
def change_authority(
    source: Source, setpoint: Setpoint, wanted: Authority, actor: str, reason: str
) -> Outcome:
    """Let advice go further on a setpoint, or less far."""
    from twin.advise import authority  # noqa: PLC0415  # as above

    done = authority.change(*_where(source), setpoint, wanted, actor.strip(), reason.strip())
    return recorded(source, "advice.authority", setpoint.value, done, reason.strip())
