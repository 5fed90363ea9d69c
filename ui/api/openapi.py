"""The OpenAPI 3.1 document, made of the table of routes and of the models that check what comes and goes."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import models_json_schema

from ui.api import models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

    from ui.api.v1 import Route

_REF: Final = "#/components/schemas/{model}"
_ERRORS: Final = {
    "400": "What was asked cannot be",
    "401": "A key or a sign-in is needed",
    "403": "The key or the role does not allow it",
    "404": "There is no such thing, or not yet",
    "422": "A parameter has another form",
    "503": "The database did not answer",
}
_CONFLICT: Final = {"409": "It has changed meanwhile, or the rules do not allow it"}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The document."""
    wanted = {model for route in routes for model in (route.given, route.asked)} | {models.Problem}
    pairs: Any = [(model, "validation") for model in sorted(wanted, key=lambda model: model.__name__)]
    _, schemas = models_json_schema(pairs, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Joulecast",
            "version": version("joulecast"),
            "description": "Every figure says its unit, its kind (measured, modelled, forecast, assumed) and "
            "its time; one that is dead is null and says why. Times are UTC.",
        },
        "servers": [{"url": "/api/v1"}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


def _operation(route: Route) -> dict[str, Any]:
    answers: dict[str, Any] = {"application/json": {"schema": _ref(route.given)}}
    if route.csv:
        answers["text/csv"] = {"schema": {"type": "string"}}
    errors = _ERRORS | (_CONFLICT if route.method == "POST" else {})
    problem = {"application/problem+json": {"schema": _ref(models.Problem)}}
    found: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{route.path.replace('/', '_').replace('{id}', 'id')}",
        "summary": route.summary,
        "description": f"Takes the permission {route.permission}; a key has to have it among its scopes.",
        "parameters": [*_path(route), *_query(route)],
        "responses": {"200": {"description": "As asked", "content": answers}}
        | {status: {"description": said, "content": problem} for status, said in errors.items()},
    }
    if route.method == "POST":
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(route.asked)}},
        }
        found["security"] = [{"key": []}]
    return found


def _path(route: Route) -> list[dict[str, Any]]:
    if "{id}" not in route.path:
        return []
    schema = {"type": "integer", "minimum": 1}
    return [{"name": "id", "in": "path", "required": True, "schema": schema}]


def _query(route: Route) -> list[dict[str, Any]]:
    """Each field of the query's model as a parameter."""
    if route.method != "GET":
        return []
    schema = route.asked.model_json_schema()
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": field.get("description", ""),
            "schema": {key: value for key, value in field.items() if key not in {"description", "title"}},
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}
