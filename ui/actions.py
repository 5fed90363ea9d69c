"""What an operator may do from a page. The engine has the rules: a page hands on what was seen and who."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from core import db

if TYPE_CHECKING:
    from datetime import datetime

    from core.actions import Authority, Setpoint
    from core.tariff import Objective
    from twin.advise.modify import Looked
    from ui.data import Source

ACTOR_MAX: Final = 60
REASON_MAX: Final = 500
_ACTOR: Final = re.compile(r"^\w[\w .,'@\-]*$")


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
    name = (actor or "").strip()
    if not name:
        return "Say who you are: your name goes on record."
    if len(name) > ACTOR_MAX or not _ACTOR.match(name):
        return f"A name has letters, digits, spaces and . , ' @ - and at most {ACTOR_MAX} characters."
    return ""


def reason_problem(reason: Any) -> str:
    """What is wrong with a reason, whatever a browser may send; nothing where it will do."""
    text = reason.strip() if isinstance(reason, str) else ""
    if not text:
        return "Say why: the reason goes on record."
    if "\x00" in text:
        return "A reason is text; this one has a character that cannot be kept."
    return "" if len(text) <= REASON_MAX else f"At most {REASON_MAX} characters."


def accept(source: Source, recommendation_id: int, version: int, actor: str) -> Outcome:
    """Accept the recommendation in the version that the operator saw."""
    from twin.advise import engine  # noqa: PLC0415  # the search's libraries load when they are needed

    context = source.context
    return engine.accept(context.dsn, context.site, context.clock, recommendation_id, version, actor.strip())


def reject(source: Source, recommendation_id: int, version: int, actor: str, reason: str) -> Outcome:
    """Reject it, with a reason."""
    from twin.advise import engine  # noqa: PLC0415  # as above

    of, name = (source.context.dsn, source.context.site, source.context.clock), actor.strip()
    return engine.reject(*of, recommendation_id, version, name, reason.strip())


def modify(source: Source, recommendation_id: int, version: int, actor: str, to_c: float) -> Outcome:
    """Put another value in the place of the advised one."""
    from twin.advise import modify  # noqa: PLC0415  # as above

    of = source.context.dsn, source.context.site, source.context.clock
    return modify.modify(*of, recommendation_id, version, actor.strip(), to_c)


def look_at(source: Source, recommendation_id: int, to_c: float) -> Looked:
    """What another value than the advised one would be worth; nothing is changed.

    Raises:
        JoulecastError: the card is gone, the value is outside the range, or data are missing.
    """
    from twin.advise import modify  # noqa: PLC0415  # as above

    return modify.look(source.context.dsn, source.context.site, source.context.clock, recommendation_id, to_c)


def approve_second(source: Source, recommendation_id: int, version: int, actor: str) -> Outcome:
    """Agree to what somebody else has accepted."""
    from twin.advise import engine  # noqa: PLC0415  # as above

    of = source.context.dsn, source.context.site, source.context.clock
    return engine.approve_second(*of, recommendation_id, version, actor.strip())


def snooze(source: Source, recommendation_id: int, version: int, actor: str, until: datetime) -> Outcome:
    """Put it off until a time of the plant's."""
    from twin.advise import engine  # noqa: PLC0415  # as above

    of = source.context.dsn, source.context.site, source.context.clock
    return engine.snooze(*of, recommendation_id, version, actor.strip(), until)


def revert(source: Source, recommendation_id: int, actor: str, reason: str) -> Outcome:
    """Give a setpoint back to the plant's own control now."""
    from twin.advise import engine  # noqa: PLC0415  # as above

    of = source.context.dsn, source.context.site, source.context.clock
    return engine.revert(*of, recommendation_id, actor.strip(), reason.strip())


def hold(source: Source, actor: str, reason: str) -> Outcome:
    """Stop everything."""
    from twin.advise import engine  # noqa: PLC0415  # as above

    of = source.context.dsn, source.context.site, source.context.clock
    return engine.hold(*of, actor.strip(), reason.strip())


def resume(source: Source, actor: str, reason: str) -> Outcome:
    """Let advice go on."""
    from twin.advise import engine  # noqa: PLC0415  # as above

    of = source.context.dsn, source.context.site, source.context.clock
    return engine.resume(*of, actor.strip(), reason.strip())


@dataclass(frozen=True, slots=True)
class Said:
    """An outcome of our own."""

    ok: bool
    message: str


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
    return Said(ok=True, message=f"On record: {actor.strip()} has looked at “{row['message']}”.")


def choose_objective(source: Source, wanted: Objective, actor: str, reason: str) -> Outcome:
    """Choose what advice makes small."""
    from twin.advise import settings  # noqa: PLC0415  # as above

    of = source.context.dsn, source.context.site, source.context.clock
    return settings.choose_objective(*of, wanted, actor.strip(), reason.strip())


def change_authority(
    source: Source, setpoint: Setpoint, wanted: Authority, actor: str, reason: str
) -> Outcome:
    """Let advice go further on a setpoint, or less far."""
    from twin.advise import authority  # noqa: PLC0415  # as above

    of = source.context.dsn, source.context.site, source.context.clock
    return authority.change(*of, setpoint, wanted, actor.strip(), reason.strip())
