"""Every callback and every route there is: what a guest, a viewer, an operator, an admin get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import people
import pytest
from test_ui_auth import client_of

from core import db
from ui.access import accounts
from ui.access.auth import PERMISSIONS, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import seed
    from dash import Dash
    from flask import Flask
    from flask.testing import FlaskClient

__all__ = ["client_of"]
ROLES: Final = (Role.GUEST, Role.VIEWER, Role.OPERATOR, Role.ADMIN)
HOST: Final = people.HOST
FILLED: Final = {
    "<path:path>": "forecast",
    "<path:filename>": "plain.css",
    "<string:package_name>": "dash",
    "<path:fingerprinted_path>": "dcc/dash_core_components.js",
    "<month>": "2026-02",
}
"""What stands for the parts of a route."""
LARGE: Final = 10**17
NONSENSE: Final = (
    None, True, -1, 1e308, LARGE, "nonsense", "\x00", "'; --", [], [None], {}, {"id": {"of": "x"}}, {"id": 7},
    {"id": {"of": LARGE, "verb": []}}, {"id": LARGE, "version": LARGE},
    *[{"do": do, "id": LARGE, "version": 1, "to": [], "setpoint": []} for do in ("accept", "authority", [])],
)  # fmt: skip
"""What no page of ours sends."""


def signed_in(app: Dash, dsn: str, role: Role) -> FlaskClient:
    """A browser of somebody with that role."""
    client = app.server.test_client()
    if role is not Role.GUEST:
        people.account(dsn, f"some-{role}", role)
        assert people.sign_in(client, f"some-{role}").status_code == 303
    return client


def callbacks(app: Dash) -> dict[str, Any]:
    """Those that the server answers, by key."""
    app.server.test_client().get("/_dash-dependencies", base_url=HOST)  # so that all are there
    return {key: of for key, of in app.callback_map.items() if "callback" in of}


def asked(key: str, of: Any, triggered: int, value: Any) -> dict[str, Any]:
    """What a browser sends when one input of a callback changes; all the others have the same value."""
    outputs = [
        dict(zip(("id", "property"), out.split("."), strict=True)) for out in key.strip(".").split("...")
    ]

    def sent(part: Any) -> Any:
        return [] if part["id"].startswith("{") else {**part, "value": value}

    by = of["inputs"][triggered]
    return {
        "output": key,
        "outputs": outputs if key.startswith("..") else outputs[0],
        "inputs": [sent(part) for part in of["inputs"]],
        "state": [sent(part) for part in of["state"]],
        "changedPropIds": [f"{by['id']}.{by['property']}"],
    }


def answered(client: FlaskClient, body: dict[str, Any]) -> int:
    answer = client.post("/_dash-update-component", base_url=HOST, json=body, headers={"Origin": HOST})
    return answer.status_code


@pytest.mark.parametrize("role", ROLES)
def test_every_callback_answers_whoever_has_its_permission_and_nobody_else(
    app: Dash, seeded: seed.Seeded, dsn: str, role: Role
) -> None:
    client = signed_in(app, dsn, role)
    every = callbacks(app)
    assert len(every) > 20
    for key, of in every.items():
        permission = of["callback"].permission
        for triggered in range(len(of["inputs"])):
            status = answered(client, asked(key, of, triggered, 1))
            if role in PERMISSIONS[permission]:
                assert status in {200, 204}, (key, permission)
            else:
                assert status == (401 if role is Role.GUEST else 403), (key, permission)
    assert decided(dsn, seeded.proposed) == []


def decided(dsn: str, of: int) -> list[str]:
    """What somebody has decided about a recommendation."""
    with db.connect(dsn) as conn:
        rows = conn.execute("SELECT to_state FROM recommendation_event WHERE recommendation_id = %s", (of,))
        return [row["to_state"] for row in rows if row["to_state"] in {"accepted", "rejected", "snoozed"}]


@pytest.mark.parametrize("role", [Role.ENGINEER, Role.ADMIN])
def test_no_callback_fails_of_what_a_browser_may_send(
    app: Dash, seeded: seed.Seeded, dsn: str, role: Role, caplog: pytest.LogCaptureFixture
) -> None:
    client = signed_in(app, dsn, role)
    wrong = []
    for key, of in callbacks(app).items():
        if role not in PERMISSIONS[of["callback"].permission]:
            continue
        for triggered in range(len(of["inputs"])):
            for value in NONSENSE:
                caplog.clear()
                status = answered(client, asked(key, of, triggered, value))
                errors = [record for record in caplog.records if record.levelname == "ERROR"]
                if status not in {200, 204} or errors:
                    said = [repr(record.exc_info[1]) for record in errors if record.exc_info]
                    wrong.append(f"{key[:60]} {of['inputs'][triggered]['id']} {value!r}: {status} {said}")
    assert not wrong, "\n".join(wrong)
    assert decided(dsn, seeded.proposed) == []


def routes(server: Flask) -> Iterator[tuple[str, str]]:
    """Every method and path that the server knows."""
    for rule in server.url_map.iter_rules():
        path = rule.rule
        for part, value in FILLED.items():
            path = path.replace(part, value)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, path.replace("<", "").replace(">", "")


@pytest.mark.parametrize("role", ROLES)
def test_what_is_read_is_read_by_everybody_where_guests_may_look_on(
    app: Dash, seeded: seed.Seeded, dsn: str, role: Role
) -> None:
    del seeded
    client = signed_in(app, dsn, role)
    found = [
        path for method, path in routes(app.server) if method == "GET" and not path.startswith("/api/v1/")
    ]
    assert len(found) > 15
    for path in found:
        with client.get(path, base_url=HOST) as answer:
            assert answer.status_code in {200, 301, 302, 303, 304, 404}, (path, answer.status_code)
            assert not (answer.location or "").startswith("/login") or path == "/password", path


@pytest.mark.parametrize("role", ROLES)
def test_nothing_that_changes_something_is_done_for_a_page_of_another_origin(
    app: Dash, dsn: str, role: Role
) -> None:
    client = signed_in(app, dsn, role)
    changing = [(method, path) for method, path in routes(app.server) if method != "GET"]
    assert {path for _, path in changing} >= {"/_dash-update-component", "/login", "/logout", "/password"}
    foreign: tuple[dict[str, str], ...] = (
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": HOST, "Sec-Fetch-Site": "cross-site"},
        {"Origin": f"{HOST}:8051"},
    )
    for method, path in changing:
        for headers in foreign:
            answer = client.open(path, method=method, base_url=HOST, headers=headers, data={"name": "x"})
            assert answer.status_code == 403, (method, path, headers)


def test_who_has_still_to_choose_a_password_gets_nothing_else(
    client_of: Callable[..., FlaskClient], dsn: str
) -> None:
    client = client_of()
    with db.connect(dsn) as conn:
        once = accounts.add(conn, people.TESTER, "ann", "engineer")
    people.sign_in(client, "ann", once)
    open_ = ("/assets/", "/healthz", "/_favicon.ico", "/login", "/logout", "/password")
    for method, path in routes(client.application):
        if method != "GET" or path.startswith(open_):
            continue
        with client.get(path, base_url=HOST) as answer:
            assert (answer.status_code, (answer.location or "")[:9]) in {(403, ""), (302, "/password")}, path
