"""What ``/api/v1`` does about a recommendation: the engine has the rules, the key's holder goes on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ui import actions
from ui.access import auth
from ui.api import models
from ui.api.problem import Problem

if TYPE_CHECKING:
    from ui.data import Source


def accept(source: Source, number: int, body: models.Decision) -> models.Done:
    """Accept it in the version that was seen; every gate is asked again."""
    if source.context.site.advice.two_persons and auth.user().scopes is not None:
        raise Problem(409, "This site wants two people to agree, and a key is none: sign in to accept.")
    return _done(source, number, actions.accept(source, number, body.version, auth.user().name))


def reject(source: Source, number: int, body: models.Reasoned) -> models.Done:
    """Reject it, with a reason."""
    return _done(source, number, actions.reject(source, number, body.version, auth.user().name, _why(body)))


def snooze(source: Source, number: int, body: models.PutOff) -> models.Done:
    """Put it off until a time."""
    return _done(source, number, actions.snooze(source, number, body.version, auth.user().name, body.until))


def revert(source: Source, number: int, body: models.Reasoned) -> models.Done:
    """Give the setpoint back to the plant's own control now."""
    seen = source.rows("recommendation_show", site=source.context.site.id, number=number)
    if seen and seen[0]["version"] != body.version:
        raise Problem(409, f"Recommendation {number} has changed meanwhile; look at it again.")
    return _done(source, number, actions.revert(source, number, auth.user().name, _why(body)))


def _why(body: models.Reasoned) -> str:
    """The reason, where it will do."""
    if problem := actions.reason_problem(body.reason):
        raise Problem(422, problem)
    return body.reason


def _done(source: Source, number: int, outcome: actions.Outcome) -> models.Done:
    for key in ("savings", "hold"):
        source.forget(key)
    if not outcome.ok:
        raise Problem(409, outcome.message)
    return models.Done(id=number, message=outcome.message)
