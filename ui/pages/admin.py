"""Admin: who may sign in, who is signed in, and what programs have keys."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import dash_mantine_components as dmc
from dash import Input, Output, State, ctx, html, no_update

from core.errors import JoulecastError
from ui import format as fmt
from ui.access import accounts, auth
from ui.access.sessions import FIRST_DAYS
from ui.callbacks import callback
from ui.components.panel import empty, panel, table
from ui.data import admin
from ui.page import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from dash import Dash

    from ui.components.panel import Child
    from ui.data import Source
    from ui.page import Live

PERMISSION: Final = "users.manage"
USER_FIELDS: Final = ("admin-name", "admin-display", "admin-role", "admin-who", "admin-new-role")
KEY_FIELDS: Final = ("admin-key-name", "admin-key-role", "admin-key-scopes", "admin-key")
USER_BUTTONS: Final = {
    "admin-add": ("Add", "btn primary"),
    "admin-password": ("New one-time password", "btn"),
    "admin-change-role": ("Change the role", "btn"),
    "admin-end": ("Sign out everywhere", "btn"),
    "admin-disable": ("Disable", "btn"),
    "admin-enable": ("Enable", "btn"),
}
"""By id: the text and the look."""
_FIRST: Final = f"with this password within {FIRST_DAYS} days and then chooses another"
KEY_BUTTONS: Final = {
    "admin-key-add": ("Make a key", "btn primary"),
    "admin-key-revoke": ("Revoke", "btn"),
}
_ROLES: Final = [{"value": role.value, "label": role.value} for role in accounts.ROLES]


def layout(_: Source) -> list[Child]:
    """The page; its forms stand outside what a poll brings, so that nothing typed is lost."""
    return [
        html.H1("Admin", className="sr"),
        html.Div(
            [
                panel(
                    "Accounts", html.Div(id="admin-users"), note="a change of role or password ends sign-ins"
                ),
                panel("Add somebody", _new_account(), span=6),
                panel("Change an account", _change_account(), span=6),
                html.Div(
                    html.Div(id="admin-result", className="notice", role="status"), className="span-12 said"
                ),
                panel("Signed in now", html.Div(id="admin-sessions"), note="12 h at most"),
                panel(
                    "Keys of programs",
                    html.Div(id="admin-keys"),
                    _new_key(),
                    html.Div(id="admin-key-result", className="notice", role="status"),
                    note="sent as Authorization: Bearer, for /api alone",
                ),
                panel(
                    "What each role may",
                    html.Div(roles_table()),
                    note="an admin decides nothing of the plant",
                ),
            ],
            className="grid",
        ),
    ]


def _button(name: str, look: tuple[str, str]) -> html.Button:
    return html.Button(look[0], id=name, className=look[1])


def _buttons(*names: str) -> list[html.Button]:
    return [_button(name, (USER_BUTTONS | KEY_BUTTONS)[name]) for name in names]


def _new_account() -> Child:
    return html.Div(
        [
            dmc.TextInput(id="admin-name", label="Name to sign in with", description=accounts.NAME_RULE),
            dmc.TextInput(id="admin-display", label="Name to show", description="may be empty"),
            dmc.Select(id="admin-role", label="Role", data=_ROLES, value="operator", allowDeselect=False),
            *_buttons("admin-add"),
        ],
        className="controls",
    )


def _change_account() -> Child:
    return html.Div(
        [
            dmc.Select(id="admin-who", label="Account", data=[], searchable=True),
            dmc.Select(
                id="admin-new-role", label="New role", data=_ROLES, value="viewer", allowDeselect=False
            ),
            *_buttons("admin-change-role", "admin-password", "admin-end", "admin-disable", "admin-enable"),
        ],
        className="controls",
    )


def _new_key() -> Child:
    return html.Div(
        [
            dmc.TextInput(id="admin-key-name", label="Name of the program"),
            dmc.Select(id="admin-key-role", label="Role", data=_ROLES, value="viewer", allowDeselect=False),
            dmc.MultiSelect(id="admin-key-scopes", label="May", data=list(auth.SCOPES), value=["view"]),
            *_buttons("admin-key-add"),
            dmc.Select(id="admin-key", label="Key in force", data=[]),
            *_buttons("admin-key-revoke"),
        ],
        className="controls",
    )


def live(source: Source) -> Live:
    """Who there is; and the choices of the forms."""
    return {
        ("admin-users", "children"): partial(users_table, source),
        ("admin-sessions", "children"): partial(sessions_table, source),
        ("admin-keys", "children"): partial(keys_table, source),
        ("admin-who", "data"): lambda: [user.user_name for user in admin.users(source)],
        ("admin-key", "data"): lambda: [key.key_name for key in admin.keys(source) if not key.revoked_at],
    }


def register(app: Dash, source: Source) -> None:
    """One callback for accounts and one for keys."""
    for output, buttons, fields, act in (
        ("admin-result", USER_BUTTONS, USER_FIELDS, change_account),
        ("admin-key-result", KEY_BUTTONS, KEY_FIELDS, change_key),
    ):
        _register(app, source, output, (tuple(buttons), fields), act)


def _register(
    app: Dash,
    source: Source,
    output: str,
    parts: tuple[tuple[str, ...], tuple[str, ...]],
    act: Callable[[Source, str, Mapping[str, Any]], tuple[str, str]],
) -> None:
    buttons, fields = parts

    @callback(
        app,
        source,
        PERMISSION,
        Output(output, "children"),
        *[Input(name, "n_clicks") for name in buttons],
        *[State(name, "value") for name in fields],
        prevent_initial_call=True,
    )
    def press(*given: Any) -> Any:
        clicks, values = given[: len(buttons)], given[len(buttons) :]
        if ctx.triggered_id not in buttons or not any(clicks):
            return no_update
        return told(*done(source, act, str(ctx.triggered_id), dict(zip(fields, values, strict=True))))


def done(
    source: Source,
    act: Callable[[Source, str, Mapping[str, Any]], tuple[str, str]],
    button: str,
    values: Mapping[str, Any],
) -> tuple[str, str]:
    """What to say of a press, and the secret to show this once."""
    try:
        return act(source, button, values)
    except JoulecastError as error:
        return f"▲ Not done. {fmt.sentence(str(error))}", ""


def told(sentence: str, secret: str) -> Child:
    """A sentence, and a secret beside it that is in no store and gone with the next answer."""
    if not secret:
        return sentence
    return [f"{sentence} It is shown only now: ", html.Code(secret, className="secret")]


def change_account(source: Source, button: str, values: Mapping[str, Any]) -> tuple[str, str]:
    """Add or change an account; every field is what a browser sent and is looked at anew.

    Raises:
        InputError: a field will not do.
    """
    name, display, role, who, new_role = (_text(values, field) for field in USER_FIELDS)
    by, said, secret = auth.who(), "", ""
    with source.writing() as conn:
        match button:
            case "admin-add":
                secret = accounts.add(conn, by, name, role, display)
                said = f"{name.lower()} may sign in as {role} {_FIRST}."
            case "admin-password":
                secret = accounts.reset(conn, by, who)
                said = f"{who} may sign in {_FIRST}."
            case "admin-enable":
                secret = accounts.enable(conn, by, who)
                said = f"{who} may sign in again {_FIRST}."
            case "admin-change-role":
                accounts.change_role(conn, by, who, new_role)
                said = f"{who} is {new_role} from now on."
            case "admin-disable":
                accounts.disable(conn, by, who)
                said = f"{who} cannot sign in any more."
            case "admin-end":
                accounts.end_sessions(conn, by, who)
                said = f"{who} is signed out everywhere."
    return said, secret


def change_key(source: Source, button: str, values: Mapping[str, Any]) -> tuple[str, str]:
    """Make or revoke a key.

    Raises:
        InputError: a field will not do.
    """
    name, role, key = (_text(values, field) for field in ("admin-key-name", "admin-key-role", "admin-key"))
    scopes = values.get("admin-key-scopes")
    chosen = [str(scope) for scope in scopes] if isinstance(scopes, list) else []
    with source.writing() as conn:
        if button == "admin-key-add":
            made = accounts.add_key(conn, auth.who(), name, role, chosen)
            return f"{name.lower()} has a key.", made
        accounts.revoke_key(conn, auth.who(), key)
    return f"The key {key} opens nothing any more.", ""


def _text(values: Mapping[str, Any], field: str) -> str:
    value = values.get(field)
    return value.strip() if isinstance(value, str) else ""


def users_table(source: Source) -> Child:
    """Everybody who has an account."""
    found = admin.users(source)
    if not found:
        return empty("Nobody has an account yet.")
    rows = [
        (
            user.user_name,
            user.display_name,
            user.role,
            _state(user),
            str(user.sessions),
            _at(source, user.last_seen_at),
            _at(source, user.created_at),
        )
        for user in found
    ]
    head = ("Name", "Shown as", "Role", "State", "Signed in", "Last seen", "Made")
    return table(head, rows, numeric=(4,))


def _state(user: accounts.Account) -> str:
    if user.disabled_at is not None:
        return "✕ disabled"
    return "until another password is chosen" if user.must_change else "in use"


def sessions_table(source: Source) -> Child:
    """Who is signed in."""
    found = admin.signed_in(source)
    if not found:
        return empty("Nobody is signed in.")
    rows = [
        (
            s.user_name,
            s.role,
            s.source,
            *(_at(source, t) for t in (s.created_at, s.last_seen_at, s.expires_at)),
        )
        for s in found
    ]
    return table(("Name", "Role", "From", "Since", "Last seen", "Ends"), rows)


def keys_table(source: Source) -> Child:
    """Every key, without its secret."""
    found = admin.keys(source)
    if not found:
        return empty("No program has a key.")
    rows = [
        (
            key.key_name,
            key.role,
            ", ".join(key.scopes),
            "✕ revoked" if key.revoked_at else "in force",
            key.created_by,
            _at(source, key.created_at),
        )
        for key in found
    ]
    return table(("Program", "Role", "May", "State", "Made by", "Made"), rows)


def roles_table() -> Child:
    """By permission, who has it."""
    rows = [
        (permission, *("✓" if role in roles else "–" for role in auth.Role))
        for permission, roles in auth.PERMISSIONS.items()
    ]
    return table(("Permission", *(role.value for role in auth.Role)), rows)


def _at(source: Source, time: datetime | None) -> str:
    """A time of the servers' clock."""
    return fmt.clock_time(time, source.zone)


PAGE: Final = Page("/admin", "Admin", layout, register, live, permission=PERMISSION)
