"""People with accounts, and how tests sign them in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from core import db
from core.audit import Who
from ui.access import accounts, passwords

if TYPE_CHECKING:
    from dash import Dash
    from playwright.sync_api import Page
    from werkzeug.test import Client, TestResponse

HOST: Final = "http://localhost"
PASSWORD: Final = "a plant that is at ease"  # noqa: S105  # of accounts in databases of tests
TESTER: Final = Who("tester", "system", "test")


def account(dsn: str, name: str, role: str, password: str = PASSWORD) -> str:
    """Make an account whose password is chosen already; the password."""
    with db.connect(dsn) as conn:
        accounts.add(conn, TESTER, name, role)
        db.rows(conn, "user_set_password", name=name, hash=passwords.hashed(password), must_change=False)
    return password


def post(client: Client, path: str, **fields: str) -> TestResponse:
    """Send a form as a browser does from our own page."""
    return client.post(path, base_url=HOST, data=fields, headers={"Origin": HOST})


def sign_in(client: Client, name: str, password: str = PASSWORD, wanted: str = "/") -> TestResponse:
    """Sign in; the client keeps the cookie."""
    return post(client, "/login", name=name, password=password, next=wanted)


def press(
    client: Client, button: str, output: str = "", buttons: tuple[str, ...] = (), **fields: object
) -> TestResponse:
    """Send what a browser sends when a button is pressed whose callback has one output.

    Args:
        client: the browser.
        button: the element's id.
        output: id of the element that is written to; the button itself where absent.
        buttons: all of the callback's; that one alone where absent.
        **fields: by element id, with _ for -, the values that go along as State, before the view's.
    """
    to = {"id": output or button, "property": "children"}
    states = [
        {"id": name.replace("_", "-"), "property": "value", "value": value} for name, value in fields.items()
    ]
    body = {
        "output": f"{to['id']}.children",
        "outputs": to,
        "inputs": [
            {"id": name, "property": "n_clicks", "value": 1 if name == button else None}
            for name in buttons or (button,)
        ],
        "state": [*states, {"id": "view", "property": "data", "value": {}}],
        "changedPropIds": [f"{button}.n_clicks"],
    }
    return client.post("/_dash-update-component", base_url=HOST, json=body, headers={"Origin": HOST})


def send(app: Dash, client: Client, output: str, trigger: str, **values: object) -> TestResponse:
    """Send what a browser sends when an input of the callback with this output changes.

    Args:
        app: whose callback it is.
        client: the browser.
        output: part of the callback's key, e.g. ``hold-dialog.opened``.
        trigger: which input has changed, e.g. ``hold-confirm.n_clicks``.
        **values: by element id, with _ for -, what stands there; nothing everywhere else.
    """
    key, of = next((key, of) for key, of in app.callback_map.items() if output in key)
    outputs = [
        dict(zip(("id", "property"), out.split("."), strict=True)) for out in key.strip(".").split("...")
    ]
    given = {name.replace("_", "-"): value for name, value in values.items()} | {"view": {}}
    parts = {
        part: [{**one, "value": given.get(one["id"])} for one in of[part]] for part in ("inputs", "state")
    }
    for one in parts["inputs"]:
        if f"{one['id']}.{one['property']}" == trigger and one["value"] is None:
            one["value"] = 1
    body = {
        "output": key,
        "outputs": outputs if key.startswith("..") else outputs[0],
        **parts,
        "changedPropIds": [trigger],
    }
    return client.post("/_dash-update-component", base_url=HOST, json=body, headers={"Origin": HOST})


def enter(page: Page, url: str, name: str, wanted: str = "/", password: str = PASSWORD) -> None:
    """Sign in with a real browser and go on to a page."""
    page.goto(f"{url}/login?{urlencode({'next': wanted})}")
    page.fill("#name", name)
    page.fill("#password", password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}{wanted}")
