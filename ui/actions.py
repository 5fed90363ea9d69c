"""What an operator may do from a page. The engine has the rules: a page hands on what was seen and who."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
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


def reason_problem(reason: str | None) -> str:
    """What is wrong with a reason; nothing where it will do."""
    text = (reason or "").strip()
    if not text:
        return "Say why: the reason goes on record."
    return "" if len(text) <= REASON_MAX else f"At most {REASON_MAX} characters."


def accept(source: Source, recommendation_id: int, version: int, actor: str) -> Outcome:
    """Accept the recommendation in the version that the operator saw."""
    from twin.advise import engine  # noqa: PLC0415  # the search's libraries load when they are needed

    context = source.context
    return engine.accept(context.dsn, context.site, context.clock, recommendation_id, version, actor.strip())


def reject(source: Source, recommendation_id: int, version: int, actor: str, reason: str) -> Outcome:
    """Reject it, with a reason."""
    from twin.advise import engine  # noqa: PLC0415  # as above

    context = source.context
    return engine.reject(
        context.dsn, context.clock, recommendation_id, version, actor.strip(), reason.strip()
    )
