"""Verbs about people and programs: who may sign in, with which key, and what is on record about it."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from core import audit as record
from core import db
from core.errors import JoulecastError
from joulecast.verbs.common import Json, console, emit, table, working

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.audit import Who

app = typer.Typer(help="Who may sign in.", no_args_is_help=True, rich_markup_mode="markdown")
key = typer.Typer(help="What programs sign in with.", no_args_is_help=True, rich_markup_mode="markdown")
audit = typer.Typer(help="What was changed, by whom.", no_args_is_help=True, rich_markup_mode="markdown")

Name = Annotated[str, typer.Argument(help="The account's name.")]
KeyName = Annotated[str, typer.Argument(help="The key's name.")]
RoleName = Annotated[str, typer.Option("--role", help="viewer, operator, engineer, manager, admin, auditor.")]


class BrokenChainError(JoulecastError):
    """The record is not as it was written."""


@contextmanager
def _connected() -> Iterator[tuple[db.Connection, Who, timedelta]]:
    """A transaction, who types, and how long an unused session lasts."""
    with working() as (context, _), db.connect(context.dsn) as conn:
        yield conn, record.operator_of_this_machine(), timedelta(minutes=context.settings.ui_idle_min)


def _once(name: str, password: str, *, as_json: bool) -> int:
    from ui.access.sessions import FIRST_DAYS  # noqa: PLC0415  # each verb imports only its own room

    said = (
        f"{name} signs in with the password {password} within {FIRST_DAYS} days and then chooses another; "
        "it is shown only here"
    )
    emit({"user": name, "one_time_password": password}, said, as_json=as_json)
    return 0


@app.command("add")
def add(
    name: Name,
    role: RoleName,
    display: Annotated[str, typer.Option(help="The name to show, e.g. Ann Example.")] = "",
    *,
    json: Json = False,
) -> int:
    """Make an account and print its one-time password."""
    from ui.access import accounts  # noqa: PLC0415  # each verb imports only its own room

    with _connected() as (conn, who, _):
        password = accounts.add(conn, who, name, role, display)
    return _once(name.strip().lower(), password, as_json=json)


@app.command("list")
def list_(*, json: Json = False) -> int:
    """List the accounts."""
    from ui.access import accounts  # noqa: PLC0415  # each verb imports only its own room

    with _connected() as (conn, _, idle):
        found = accounts.listed(conn, idle)
    rows = [
        {
            "name": a.user_name,
            "role": a.role,
            "state": _state(disabled=a.disabled_at is not None, must_change=a.must_change),
            "shown as": a.display_name,
            "sign-ins": a.sessions,
            "made": f"{a.created_at:%Y-%m-%d}",
        }
        for a in found
    ]
    emit(found, table(rows) if rows else "nobody: make an account with `joulecast user add`", as_json=json)
    return 0


def _state(*, disabled: bool, must_change: bool) -> str:
    if disabled:
        return "disabled"
    return "until another password is chosen" if must_change else "in use"


@app.command("password")
def password(name: Name, *, json: Json = False) -> int:
    """Give an account a new one-time password; its sign-ins end."""
    from ui.access import accounts  # noqa: PLC0415  # each verb imports only its own room

    with _connected() as (conn, who, _):
        made = accounts.reset(conn, who, name)
    return _once(name.strip().lower(), made, as_json=json)


@app.command("disable")
def disable(name: Name, *, json: Json = False) -> int:
    """Close an account; its sign-ins end, what it did stays on record."""
    from ui.access import accounts  # noqa: PLC0415  # each verb imports only its own room

    with _connected() as (conn, who, _):
        accounts.disable(conn, who, name)
    emit({"user": name, "disabled": True}, f"{name} cannot sign in any more", as_json=json)
    return 0


@app.command("enable")
def enable(name: Name, *, json: Json = False) -> int:
    """Open a disabled account again and print its one-time password."""
    from ui.access import accounts  # noqa: PLC0415  # each verb imports only its own room

    with _connected() as (conn, who, _):
        made = accounts.enable(conn, who, name)
    return _once(name.strip().lower(), made, as_json=json)


@app.command("role")
def role(
    name: Name, role: Annotated[str, typer.Argument(help="The new role.")], *, json: Json = False
) -> int:
    """Give an account another role; its sign-ins end."""
    from ui.access import accounts  # noqa: PLC0415  # each verb imports only its own room

    with _connected() as (conn, who, _):
        accounts.change_role(conn, who, name, role)
    emit({"user": name, "role": role}, f"{name} is {role} from now on", as_json=json)
    return 0


@key.command("add")
def add_key(
    name: KeyName,
    scope: Annotated[list[str], typer.Option(help="What it may do, e.g. view; may be repeated.")],
    role: RoleName = "viewer",
    *,
    json: Json = False,
) -> int:
    """Make a key for a program and print it."""
    from ui.access import accounts  # noqa: PLC0415  # each verb imports only its own room

    with _connected() as (conn, who, _):
        secret = accounts.add_key(conn, who, name, role, scope)
    said = f"Authorization: Bearer {secret}\nit is shown only here"
    emit({"key": name, "role": role, "scopes": sorted(set(scope)), "secret": secret}, said, as_json=json)
    return 0


@key.command("list")
def list_keys(*, json: Json = False) -> int:
    """List the keys, without their secrets."""
    from ui.access import accounts  # noqa: PLC0415  # each verb imports only its own room

    with _connected() as (conn, _, _idle):
        found = accounts.keys(conn)
    rows = [
        {
            "name": k.key_name,
            "role": k.role,
            "scopes": ", ".join(k.scopes),
            "state": "revoked" if k.revoked_at else "in force",
            "made by": k.created_by,
            "made": f"{k.created_at:%Y-%m-%d}",
        }
        for k in found
    ]
    emit(found, table(rows) if rows else "none: make a key with `joulecast key add`", as_json=json)
    return 0


@key.command("revoke")
def revoke_key(name: KeyName, *, json: Json = False) -> int:
    """End a key."""
    from ui.access import accounts  # noqa: PLC0415  # each verb imports only its own room

    with _connected() as (conn, who, _):
        accounts.revoke_key(conn, who, name)
    emit({"key": name, "revoked": True}, f"{name} opens nothing any more", as_json=json)
    return 0


@audit.command("list")
def list_audit(
    actor: Annotated[str, typer.Option(help="Only what this one did.")] = "",
    of: Annotated[str, typer.Option("--object", help="Only where the object contains this.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=record.LIST_MAX, help="How many, newest first.")] = 50,
    *,
    json: Json = False,
) -> int:
    """List what is on record."""
    with _connected() as (conn, _, _idle):
        found = record.listed(conn, record.Filter(actor, of), limit)
    if json:
        emit(found, "", as_json=True)
        return 0
    for row in found:
        changed = " -> ".join(part for part in (row.old, row.new) if part)
        tail = "  ".join(part for part in (changed, row.reason) if part)
        console.print(
            f"{row.audit_id:>6}  {row.at:%Y-%m-%d %H:%M:%S} UTC  {row.actor} ({row.role}, {row.source})  "
            f"{row.what}  {ascii(row.object)[1:-1]}  {ascii(tail)[1:-1]}".rstrip()
        )
    if not found:
        console.print("nothing is on record")
    return 0


@audit.command("verify")
def verify_audit(
    head: Annotated[str, typer.Option(help="The hash of an earlier look; that it is there still.")] = "",
    *,
    json: Json = False,
) -> int:
    """Check that no row of the record was edited, taken out or put in; print its newest hash."""
    with _connected() as (conn, _, _idle):
        found = record.verify(conn, head)
    if json:
        emit(
            {"ok": found.ok, "rows": found.rows, "head": found.head, "faults": found.faults}, "", as_json=True
        )
        return 0 if found.ok else 1
    if not found.ok:
        raise BrokenChainError(f"the record is not as it was written: {'; '.join(found.faults)}")
    console.print(
        f"{found.rows} rows, each as it was written; the newest has the hash {found.head or 'of none'}"
    )
    return 0
