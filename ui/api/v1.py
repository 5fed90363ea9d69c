"""``/api/v1``: one table of routes; each is checked, answered and described from its models."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flask import Response, jsonify, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException

from core.errors import InputError, JoulecastError, NotReadyError
from ui import format as fmt
from ui.access import auth
from ui.api import act, models, openapi, read
from ui.api.problem import Problem, answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from ui.data import Source

log = logging.getLogger(__name__)
ROOT: Final = "/api/v1"
NUMBER_MAX: Final = 2**31 - 1
_STATUS: Final = {InputError: 400, NotReadyError: 404}


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that can be asked or done."""

    path: str
    """Below the root; ``{id}`` is the number of a recommendation."""
    method: str
    permission: str
    """Key of `ui.access.auth.PERMISSIONS`; a key needs it among its scopes."""
    summary: str
    asked: type[BaseModel]
    """The query of a GET, the body of a POST."""
    given: type[BaseModel]
    work: Callable[..., BaseModel | Response]
    """Takes the source, the number where the path has one, and what was asked."""
    csv: bool = False
    """Whether it can answer in CSV as well."""

    @property
    def rule(self) -> str:
        """As Flask writes the path."""
        return ROOT + self.path.replace("{id}", "<int:number>")


def _decision(verb: str, summary: str, asked: type[BaseModel], work: Callable[..., models.Done]) -> Route:
    path = f"/recommendations/{{id}}/{verb}"
    return Route(path, "POST", "advice.decide", summary, asked, models.Done, work)


def _look(
    path: str, summary: str, asked: type[BaseModel], given: type[BaseModel], work: Callable[..., Any]
) -> Route:
    return Route(path, "GET", "view", summary, asked, given, work)


ROUTES: Final[tuple[Route, ...]] = (
    _look("/kpis", "What is true now", models.Nothing, models.Kpis, read.kpis),
    _look("/points", "Every point with its newest reading", models.Nothing, models.Points, read.points),
    Route(
        path="/series",
        method="GET",
        permission="export",
        summary="Measured series",
        asked=models.SeriesAsked,
        given=models.SeriesGiven,
        work=read.series,
        csv=True,
    ),
    _look(
        "/forecasts",
        "The newest forecast of a target",
        models.ForecastsAsked,
        models.ForecastGiven,
        read.forecasts,
    ),
    _look(
        "/recommendations",
        "The newest recommendations",
        models.RecommendationsAsked,
        models.Recommendations,
        read.recommendations,
    ),
    _decision("accept", "Accept a recommendation", models.Decision, act.accept),
    _decision("reject", "Reject a recommendation", models.Reasoned, act.reject),
    _decision("snooze", "Put a recommendation off", models.PutOff, act.snooze),
    _decision("revert", "Give the setpoint back to the plant", models.Reasoned, act.revert),
    _look("/alarms", "The alarms that stand", models.AlarmsAsked, models.Alarms, read.alarms),
)


def register(server: Flask, source: Source) -> None:
    """Add the routes, the document, and problems in place of pages for errors."""
    for route in ROUTES:
        name = f"v1 {route.method} {route.path}"
        server.add_url_rule(route.rule, name, _view(route, source), methods=[route.method])

    @server.get(f"{ROOT}/openapi.json")
    def document() -> Response:
        found: Response = jsonify(openapi.document(ROUTES))
        return found

    def unknown(rest: str = "") -> Response:
        there = [route for route in ROUTES if route.path == f"/{rest}"]
        if there:
            return answer(405, f"{request.method} cannot be done there; allowed is {there[0].method}.")
        return answer(404, f"There is no {request.method} {ROOT}/{rest[:80]}; see {ROOT}/openapi.json.")

    for rule in (ROOT, f"{ROOT}/", f"{ROOT}/<path:rest>"):
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        server.add_url_rule(rule, f"v1 unknown {rule}", unknown, methods=methods)

    def failed(error: HTTPException) -> Any:
        if not request.path.startswith(ROOT):
            return error
        return answer(error.code or 500, error.description or "it failed")

    server.register_error_handler(HTTPException, failed)


def _view(route: Route, source: Source) -> Callable[..., Response]:
    def view(**path: int) -> Response:
        try:
            return _answered(route, source, **path)
        except ValidationError as error:
            return answer(422, _sentence(error))
        except Problem as problem:
            return answer(problem.status, problem.detail)
        except JoulecastError as error:
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 503)
            text = f"{error}".removesuffix(".") + "."
            return answer(status, text if isinstance(error, InputError) else fmt.sentence(text))
        except HTTPException:
            raise  # has its status already, e.g. of a body that is too large
        except Exception:
            log.exception("%s %s failed", route.method, route.path)
            return answer(500, "It failed; the reason is in the log of the ui service.")

    return view


def require(permission: str) -> None:
    """Let nobody go on who may not."""
    if not auth.user().may(permission):
        guest = auth.user().role is auth.Role.GUEST
        raise Problem(401 if guest else 403, auth.denied(permission))


def _answered(route: Route, source: Source, **path: int) -> Response:
    require(route.permission)
    if path.get("number", 0) > NUMBER_MAX:
        raise Problem(404, "There is no such recommendation.")
    asked = _asked(route)
    if path and not source.rows("recommendation_show", site=source.context.site.id, **path):
        raise Problem(404, f"There is no recommendation {path['number']}.")
    found = route.work(source, *path.values(), asked)
    if isinstance(found, BaseModel):
        found = Response(found.model_dump_json(), mimetype="application/json")
    found.headers["Cache-Control"] = "no-store"
    return found


def _asked(route: Route) -> BaseModel:
    """What was asked, checked."""
    if route.method == "GET":
        given = request.args.to_dict(flat=False)
        twice = [name for name, values in given.items() if len(values) > 1]
        if twice:
            raise Problem(422, f"The parameter {twice[0][:40]!r} is there more than once.")
        return route.asked.model_validate({name: values[0] for name, values in given.items()})
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise Problem(400, "The body has to be a JSON object.")
    return route.asked.model_validate(body)


def _sentence(error: ValidationError) -> str:
    """The first thing that is wrong, in a sentence."""
    first = error.errors(include_url=False, include_context=False)[0]
    name = ".".join(str(part) for part in first["loc"])[:60] or "the request"
    if first["type"] == "extra_forbidden":
        return f"{name} is no parameter here; see {ROOT}/openapi.json."
    return f"{name}: {first['msg']}."
