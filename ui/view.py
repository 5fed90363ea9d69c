"""What a page shows and how: time zone, units, period and the page's own selection. All of it is in the URL.

The view of the request that is being answered is in `current()`; a callback gets it from `ui.callbacks`.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from core.site import Site

SEARCH_MAX: Final = 2000
"""Longest query string that is read [characters]."""
PERIOD_MAX: Final = timedelta(days=400)
"""Longest period that a page reads: as long as hourly means are kept."""
PERIOD_MIN: Final = timedelta(minutes=5)
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""No time outside is read: the calendar of a zone ends with the years 1 and 9999."""
UNIT_S: Final = {"m": 60, "h": 3600, "d": 86400}
SITE_ZONE: Final = "site"
_SPAN: Final = re.compile(r"(\d{1,6})([mhd])")


class Units(StrEnum):
    """The system of units that pages show; what is stored is in canonical units always."""

    SI = "si"
    IP = "ip"


@dataclass(frozen=True, slots=True)
class View:
    """How the page is looked at."""

    zone: ZoneInfo
    """Times are shown in it."""
    zone_choice: str = SITE_ZONE
    """``site``, ``UTC`` or an IANA name."""
    units: Units = Units.SI
    span: timedelta | None = None
    """Length of the period that was asked for; None: the page's own."""
    period: tuple[datetime, datetime] | None = None
    """The period with fixed ends that was asked for, UTC."""
    more: Mapping[str, str] = field(default_factory=dict)
    """The page's own part: its selection or scenario."""
    problems: tuple[str, ...] = ()
    """What the address holds that could not be read, in sentences."""

    @property
    def key(self) -> str:
        """Changes with everything that changes what the page shows."""
        return f"{self.zone_choice} {self.units} {self.span} {self.period} {sorted(self.more.items())}"

    def between(self, now: datetime, default: timedelta) -> tuple[datetime, datetime]:
        """The period to show, UTC: as asked for, or up to now."""
        return self.period or (now - (self.span or default), now)


_CURRENT: ContextVar[View | None] = ContextVar("view", default=None)


def current() -> View | None:
    """The view of the request that is being answered; None outside of one."""
    return _CURRENT.get()


def units() -> Units:
    """The units that the reader of this page wants; SI outside of a request."""
    found = _CURRENT.get()
    return found.units if found else Units.SI


def zone(site: Site) -> ZoneInfo:
    """The zone that the reader of this page wants; the site's outside of a request."""
    found = _CURRENT.get()
    return found.zone if found else site.zone


@contextmanager
def use(view: View) -> Iterator[View]:
    """Answer with this view."""
    token = _CURRENT.set(view)
    try:
        yield view
    finally:
        _CURRENT.reset(token)


def parse(search: Any, site: Site, known: frozenset[str] = frozenset()) -> View:
    """Read a query string; what cannot be read is said in `View.problems` and does no harm.

    Args:
        search: as in the address, with or without the question mark.
        site: whose zone is the default.
        known: names of the page's own parameters.
    """
    text = search.lstrip("?") if isinstance(search, str) else ""
    if len(text) > SEARCH_MAX:
        problem = f"The address is longer than {SEARCH_MAX} characters; what it asks for is left out."
        return View(site.zone, problems=(problem,))
    given = dict(parse_qsl(text, keep_blank_values=True))
    view, problems = View(site.zone), []
    for read in (_zone, _units, _span, _period):
        view, problem = read(view, given)
        problems += [problem] if problem else []
    more = {name: value for name, value in given.items() if name in known}
    strange = [name for name in given if name not in known | RESERVED]
    problems += [
        f"The address has {_shown(name)}, which this page does not know; it is left out." for name in strange
    ]
    return replace(view, more=more, problems=tuple(problems))


def from_store(data: Any, site: Site) -> View:
    """The view of a callback, from the store of the browser; every parameter of the page is in it."""
    search = data.get("search") if isinstance(data, dict) else ""
    names = {name for name, _ in parse_qsl(str(search or "").lstrip("?")[:SEARCH_MAX])}
    return parse(search, site, frozenset(names) - RESERVED)


def search_of(view: View, **more: str | None) -> str:
    """The query string of a view, with the question mark; empty for the default one.

    Args:
        view: what to write.
        **more: the page's own parameters; they take the place of those of `view`, None removes one.
    """
    pairs: dict[str, str | None] = {
        "tz": None if view.zone_choice == SITE_ZONE else view.zone_choice,
        "units": None if view.units is Units.SI else view.units.value,
        "range": span_text(view.span) if view.span else None,
        "from": f"{view.period[0]:%Y-%m-%dT%H:%MZ}" if view.period else None,
        "to": f"{view.period[1]:%Y-%m-%dT%H:%MZ}" if view.period else None,
        **view.more,
        **more,
    }
    text = urlencode({name: value for name, value in pairs.items() if value}, safe=":/,")
    return f"?{text}" if text else ""


def shell_part(view: View) -> View:
    """What goes along to the next page: zone and units."""
    return View(view.zone, view.zone_choice, view.units)


def span_text(span: timedelta) -> str:
    """A length as in the address, e.g. ``12h``."""
    seconds = int(span.total_seconds())
    for unit in ("d", "h"):
        if seconds % UNIT_S[unit] == 0:
            return f"{seconds // UNIT_S[unit]}{unit}"
    return f"{seconds // UNIT_S['m']}m"


RESERVED: Final = frozenset({"tz", "units", "range", "from", "to"})
"""The parameters that every page knows."""


def _shown(text: str) -> str:
    return f"“{text[:40]}{'…' if len(text) > 40 else ''}”"  # noqa: PLR2004  # as many as fit into a sentence


def _zone(view: View, given: Mapping[str, str]) -> tuple[View, str]:
    name = given.get("tz")
    if name in (None, SITE_ZONE):
        return view, ""
    try:
        return replace(view, zone=ZoneInfo(str(name)), zone_choice=str(name)), ""
    except (OSError, ValueError, KeyError):
        return view, f"There is no time zone {_shown(str(name))}; times are in the site's."


def _units(view: View, given: Mapping[str, str]) -> tuple[View, str]:
    name = given.get("units")
    if name is None:
        return view, ""
    if name not in set(Units):
        return view, f"Units are si or ip, not {_shown(name)}; they are SI."
    return replace(view, units=Units(name)), ""


def _span(view: View, given: Mapping[str, str]) -> tuple[View, str]:
    text = given.get("range")
    if text is None:
        return view, ""
    found = _SPAN.fullmatch(text)
    if not found:
        return view, f"A range is like 12h or 7d, not {_shown(text)}; the page shows its own."
    span = timedelta(seconds=int(found[1]) * UNIT_S[found[2]])
    if span > PERIOD_MAX:
        said = f"A range of {text} is longer than the {PERIOD_MAX.days} days that are shown; it ends there."
        return replace(view, span=PERIOD_MAX), said
    return replace(view, span=max(span, PERIOD_MIN)), ""


def _period(view: View, given: Mapping[str, str]) -> tuple[View, str]:
    if "from" not in given and "to" not in given:
        return view, ""
    ends = [_time(given.get(name, ""), view.zone) for name in ("from", "to")]
    start, end = ends
    if start is None or end is None:
        said = (
            "A period needs from and to, each like 2026-03-02T14:20 or with Z for UTC,"
            f" from {EARLIEST.year} on and before {LATEST.year}; it is left out."
        )
        return view, said
    if end - start < PERIOD_MIN:
        return view, "The period ends before it begins, or is too short; it is left out."
    if end - start > PERIOD_MAX:
        said = f"The period is longer than the {PERIOD_MAX.days} days that are shown; its end is shown."
        return replace(view, period=(end - PERIOD_MAX, end)), said
    return replace(view, period=(start, end)), ""


def _time(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = found if found.tzinfo else found.replace(tzinfo=zone)
    try:
        utc = aware.astimezone(UTC)
    except OverflowError:
        return None
    return utc if EARLIEST <= utc < LATEST else None
