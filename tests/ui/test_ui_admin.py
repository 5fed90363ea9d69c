"""The Admin and Audit pages: who may, what they show, what they change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import people
import pytest
from flask import g
from plotly.utils import PlotlyJSONEncoder

from core import audit as record
from core import db
from core.audit import Verified
from ui import view
from ui.access import accounts, auth, passwords
from ui.access.auth import PERMISSIONS, Role, User
from ui.pages import PAGES, admin, audit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dash import Dash
    from flask.testing import FlaskClient

    from ui.data import Source

HOST = people.HOST


@pytest.fixture
def with_pages(app: Dash) -> Dash:
    """The application with both pages' callbacks, whichever pages it lists."""
    for page in (admin.PAGE, audit.PAGE):
        if page not in PAGES:
            page.register(app, app.server.extensions["joulecast-source"])
    return app


@pytest.fixture
def asked(app: Dash, dsn: str) -> Iterator[Source]:
    """Within a request of an admin."""
    people.account(dsn, "root", "admin")
    with app.server.test_request_context("/", environ_base={"REMOTE_ADDR": "10.0.0.9"}):
        g.joulecast_user = User("root", Role.ADMIN)
        yield app.server.extensions["joulecast-source"]


def as_json(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def shown(source: Source, page: Any, search: str = "") -> str:
    """Layout and everything alive of a page."""
    with view.use(view.parse(search, source.context.site, page.keys)):
        return as_json([page.layout(source), {str(k): make() for k, make in page.live(source).items()}])


def press(client: FlaskClient, button: str, **fields: object) -> Any:
    """Press a button of the admin page."""
    is_key = button in admin.KEY_BUTTONS
    names = admin.KEY_FIELDS if is_key else admin.USER_FIELDS
    values = {name.replace("-", "_"): fields.get(name.replace("-", "_")) for name in names}
    return people.press(
        client,
        button,
        output="admin-key-result" if is_key else "admin-result",
        buttons=tuple(admin.KEY_BUTTONS if is_key else admin.USER_BUTTONS),
        **values,
    )


# Who may


@pytest.mark.parametrize("role", list(Role))
def test_only_an_admin_changes_accounts_whatever_the_page_shows(
    with_pages: Dash, dsn: str, role: Role
) -> None:
    client = with_pages.server.test_client()
    people.account(dsn, "bob", "operator")
    if role is not Role.GUEST:
        people.account(dsn, "ann", role)
        people.sign_in(client, "ann")
    for name in ("admin-add", "admin-password", "admin-disable", "admin-key-add"):
        answer = press(
            client,
            name,
            admin_name="eve",
            admin_role="admin",
            admin_who="bob",
            admin_key_name="eve",
            admin_key_role="viewer",
            admin_key_scopes=["view"],
        )
        if role is not Role.ADMIN:
            assert answer.status_code == (401 if role is Role.GUEST else 403)
        elif name == "admin-add":
            assert "eve may sign in" in answer.text
    with db.connect(dsn) as conn:
        assert (db.row(conn, "user_peek", name="eve") is not None) == (role is Role.ADMIN)
        assert bool(accounts.keys(conn)) == (role is Role.ADMIN)


@pytest.mark.parametrize("role", list(Role))
def test_the_check_of_the_record_is_for_those_who_may_read_it(with_pages: Dash, dsn: str, role: Role) -> None:
    client = with_pages.server.test_client()
    if role is not Role.GUEST:
        people.account(dsn, "ann", role)
        people.sign_in(client, "ann")
    answer = people.press(client, "audit-verify", output="audit-chain")
    if role in PERMISSIONS["audit.read"]:
        assert "every row is as it was written" in answer.text
    else:
        assert answer.status_code == (401 if role is Role.GUEST else 403)


def test_every_callback_says_what_it_takes(with_pages: Dash) -> None:
    with with_pages.server.test_client() as client:
        assert client.get("/_dash-dependencies", base_url=HOST).status_code == 200
    served = {name: of for name, of in with_pages.callback_map.items() if "callback" in of}
    assert {"admin-result.children", "admin-key-result.children", "audit-chain.children"} <= set(served)
    undeclared = [
        name
        for name, of in served.items()
        if getattr(of["callback"].__wrapped__, "permission", None) not in auth.PERMISSIONS
    ]
    assert undeclared == []


# Admin


def test_the_admin_page_shows_people_sessions_and_keys_and_no_secret(
    asked: Source, app: Dash, dsn: str
) -> None:
    client = app.server.test_client()
    people.sign_in(client, "root")
    with db.connect(dsn) as conn:
        once = accounts.add(conn, people.TESTER, "ann", "operator", "<b>Ann</b>")
        key = accounts.add_key(conn, people.TESTER, "grafana", "viewer", ["view"])
        kept = db.row(conn, "user_peek", name="ann")
    text = shown(asked, admin.PAGE)
    assert kept is not None
    assert not any(secret in text for secret in (once, key, kept["password_hash"]))
    for word in (
        "ann",
        "until another password is chosen",
        "127.0.0.1",
        "grafana",
        "in force",
        "users.manage",
    ):
        assert word in text
    assert '"children": "<b>Ann</b>"' in text  # text, not HTML


def test_an_empty_console_says_so(app: Dash) -> None:
    text = shown(app.server.extensions["joulecast-source"], admin.PAGE)
    for said in ("Nobody has an account yet.", "Nobody is signed in.", "No program has a key."):
        assert said in text


def test_an_account_is_added_changed_and_closed_from_the_page(asked: Source, dsn: str) -> None:
    def act(button: str, **values: object) -> tuple[str, str]:
        return admin.done(
            asked, admin.change_account, button, {k.replace("_", "-"): v for k, v in values.items()}
        )

    said, once = act("admin-add", admin_name="Ann", admin_display="", admin_role="operator")
    assert said == "ann may sign in as operator with this password within 3 days and then chooses another."
    with db.connect(dsn) as conn:
        row = db.row(conn, "user_peek", name="ann")
    assert row is not None
    assert passwords.right(row["password_hash"], once)
    assert once in as_json(admin.told(said, once))
    of_ann = {"admin_who": "ann"}
    assert act("admin-change-role", admin_new_role="engineer", **of_ann) == (
        "ann is engineer from now on.",
        "",
    )
    assert act("admin-end", **of_ann)[0] == "ann is signed out everywhere."
    assert act("admin-password", **of_ann)[1] != once
    assert act("admin-disable", **of_ann) == ("ann cannot sign in any more.", "")
    assert len(act("admin-enable", **of_ann)[1]) == 23
    for button, values, expected in (
        ("admin-add", {"admin_name": "ann", "admin_role": "viewer"}, "which is taken"),
        ("admin-add", {"admin_name": "bob", "admin_role": "guest"}, "Role: found 'guest'"),
        ("admin-add", {"admin_name": 7, "admin_role": ["admin"]}, "Name: found ''"),
        ("admin-disable", {"admin_who": "root"}, "the only admin"),
        ("admin-password", {"admin_who": None}, "User: found ''"),
    ):
        said, secret = act(button, **values)
        assert said.startswith("▲ Not done.")
        assert expected in said
        assert secret == ""
    with db.connect(dsn) as conn:
        by = {entry.actor + entry.source for entry in record.listed(conn, record.Filter(object="ann"), 50)}
    assert by == {"root10.0.0.9"}


def test_a_key_is_made_and_revoked_from_the_page(asked: Source) -> None:
    def act(button: str, **values: object) -> tuple[str, str]:
        return admin.done(
            asked, admin.change_key, button, {k.replace("_", "-"): v for k, v in values.items()}
        )

    make = {"admin_key_name": "grafana", "admin_key_role": "viewer"}
    said, secret = act("admin-key-add", admin_key_scopes=["view"], **make)
    assert said == "grafana has a key."
    assert auth.key_user(asked, f"Bearer {secret}") is not None
    assert "scope: found" in act("admin-key-add", admin_key_scopes="view", **make)[0].lower()
    assert act("admin-key-revoke", admin_key="grafana")[0] == "The key grafana opens nothing any more."
    assert auth.key_user(asked, f"Bearer {secret}") is None


# Audit


def test_the_record_is_shown_filtered_and_as_text(asked: Source, dsn: str) -> None:
    with db.connect(dsn) as conn:
        evil = "<img src=x onerror=alert(1)>"
        record.add(conn, record.Who("bob", "engineer", "x"), "limit.change", "rack 7", old="24", new=evil)
    text = shown(asked, audit.PAGE)
    for word in ("user root", "rack 7", evil, "Europe/", "bob (engineer)"):
        assert word in text
    assert "rack 7" not in shown(asked, audit.PAGE, "?actor=tester")
    assert "user root" not in shown(asked, audit.PAGE, "?object=rack")
    assert "Nothing on record fits" in shown(asked, audit.PAGE, "?actor=nobody")
    assert "rack 7" in shown(asked, audit.PAGE, "?range=1h")
    assert "rack 7" not in shown(asked, audit.PAGE, "?from=2020-01-01T00:00Z&to=2020-01-02T00:00Z")
    assert "Nothing on record fits" in shown(asked, audit.PAGE, "?actor=%00%27--")


def test_a_filter_goes_into_the_address_and_keeps_the_rest_of_it(asked: Source) -> None:
    with view.use(view.parse("?tz=UTC&actor=ann&range=7d", asked.context.site, audit.PAGE.keys)):
        assert audit.search(" bob ", "") == "?tz=UTC&range=7d&actor=bob"
        assert audit.search(None, {"x": 1}) == "?tz=UTC&range=7d"
        links = as_json(audit.span_links())
    assert "/audit?tz=UTC&range=1h&actor=ann" in links
    assert "● last 7 days" in links


def test_the_check_says_which_row_was_changed() -> None:
    good, bad = Verified(3, "ab" * 32, ()), Verified(3, "ab" * 32, ("row 2 was edited",))
    assert "✓ every row is as it was written" in as_json(audit.chain(good))
    assert "ab" * 32 in as_json(audit.chain(good))
    text = as_json(audit.chain(bad))
    assert "Row 2 was edited." in text
    assert "◆ The record was changed" in text
