"""What every verb does alike: read settings, find the servers, print for people or for programs."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import sys
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

import joulecast
from core import audit, db
from core.jobs import Context
from core.settings import load_settings
from core.site import load_site

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from core.settings import Settings
    from core.site import Site

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
DEMO_SITE = Path(joulecast.__file__).parent / "demo" / "site.toml"
console = Console(highlight=False, markup=False, soft_wrap=not sys.stdout.isatty())


def site_of(settings: Settings) -> Site:
    """The plant that `site.toml` describes; the demo plant where there is no such file and none was named."""
    named = "site_file" in settings.model_fields_set
    return load_site(
        settings.site_file if named or settings.site_file.exists() else demo_site(settings.data_dir)
    )


def demo_site(data_dir: Path) -> Path:
    """The demo plant's description, copied into the data folder so that what is mapped there stays mapped.

    Without a data folder that takes it there is nothing to keep, and it is the original.
    """
    if not data_dir.is_dir() or not os.access(data_dir, os.W_OK):
        return DEMO_SITE
    own, original = data_dir / "demo-site.toml", DEMO_SITE.read_text(encoding="utf-8")
    kept = own.read_text(encoding="utf-8") if own.exists() else ""
    if not kept.startswith(original):
        at = kept.find("\n[[topics]]")
        own.write_text(original + (kept[at:] if at >= 0 else ""), encoding="utf-8")
    return own


@contextmanager
def working(*, broker: bool = False) -> Iterator[tuple[Context, str]]:
    """A context on a running or a started database, and the broker's address ("" where none is asked for)."""
    from joulecast import embedded  # noqa: PLC0415  # heavy, and not needed for --help

    settings = load_settings()
    site = site_of(settings)
    with embedded.services(settings, broker=broker) as servers:
        db.migrate(servers.dsn)
        run = embedded.running(settings.data_dir)
        if run and not settings.clock:
            settings = load_settings(clock=run.clock or None)
        yield Context(settings, site, settings.make_clock(), servers.dsn), servers.broker or ""


def on_record(conn: db.Connection, name: str, what: str, of: str, said: str, reason: str = "") -> None:
    """Put on record what somebody has decided at this prompt, under the account that it runs under."""
    who = audit.operator_of_this_machine()
    audit.add(conn, who, what, of, new=f"as {name}: {said}", reason=reason)


def plain(value: Any) -> Any:
    """A value that JSON can hold, for anything that the rooms return."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(plain(k)): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return _scalar(value)


def _scalar(value: Any) -> str | int | float | bool | None:
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has neither NaN nor infinity
    if isinstance(value, Enum):
        return _scalar(value.value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def emit(data: Any, text: RenderableType, *, as_json: bool) -> None:
    """Print `data` as JSON, or `text` for a person."""
    if as_json:
        sys.stdout.write(json.dumps(plain(data), ensure_ascii=False) + "\n")
    else:
        console.print(text)


def table(rows: Sequence[Mapping[str, Any]], *, title: str = "") -> Table:
    """A table of rows that have the same keys; the first, which says what a row is, is cut last."""
    drawn = Table(title=title, title_justify="left", show_edge=False)
    for i, name in enumerate(rows[0] if rows else ()):
        drawn.add_column(str(name).replace("_", " "), no_wrap=i == 0)
    for row in rows:
        drawn.add_row(*(_cell(value) for value in row.values()))
    return drawn


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"  # noqa: PLR2004  # five digits are enough
    return "" if value is None else str(plain(value))
