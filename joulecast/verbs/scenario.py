"""Options that say what would have been different: setpoints, grids of them, load shifts, a past period."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
import typer

from core.actions import Setpoint
from core.clock import parse_time
from core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.clock import Clock

STEP: Final = timedelta(minutes=15)
PERIOD_MAX: Final = timedelta(days=366)
HOURS_PER_DAY: Final = 24
BALANCED_KW: Final = 1e-6
"""Shifts that add up to no more than this move load and add none [kW]."""
_AXIS_PARTS: Final = 3

Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setpoint to hold instead, e.g. chilled_water_supply_temperature_c=10"),
]
Axes = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="Values of a setpoint to try, low:high:number, e.g. supply_air_temperature_c=20:24:9"
    ),
]
Shift = Annotated[
    list[str] | None,
    typer.Option(
        "--shift",
        help="IT power added at an hour of the site's day, HOUR=KW; negative leaves it. Repeatable.",
    ),
]
Unbalanced = Annotated[
    bool, typer.Option("--unbalanced", help="Let the shifts add or drop load, not only move it.")
]
From = Annotated[str, typer.Option("--from", help="ISO time; UTC where it has no offset.")]
To = Annotated[str, typer.Option("--to", help="ISO time, not in the future.")]


def setpoint_from(text: str) -> tuple[Setpoint, str]:
    """Read ``NAME=...``, the name with or without its unit ``_c``; returns what stands behind it as well.

    Raises:
        InputError: no such setpoint.
    """
    name, _, value = text.partition("=")
    try:
        return Setpoint(name.strip().removesuffix("_c")), value.strip()
    except ValueError:
        raise InputError(
            "--set",
            found=repr(text),
            allowed="NAME=VALUE [degC], NAME one of " + ", ".join(f"{s}_c" for s in Setpoint),
            do="correct it",
        ) from None


def setpoints_from(texts: Sequence[str] | None) -> dict[Setpoint, float]:
    """Read ``NAME=VALUE`` pairs.

    Raises:
        InputError: no such setpoint, one twice, no number, or none that a plant can hold.
    """
    from twin.scenario import check_setpoint  # noqa: PLC0415  # each verb imports only its own room

    found: dict[Setpoint, float] = {}
    for text in texts or []:
        setpoint, value = setpoint_from(text)
        _once(setpoint, found)
        found[setpoint] = _number("--set", text, value, "NAME=VALUE [degC]")
        check_setpoint(setpoint, found[setpoint])
    return found


def axes_from(texts: Sequence[str] | None) -> dict[Setpoint, tuple[float, ...]]:
    """Read ``NAME=LOW:HIGH:NUMBER`` or ``NAME=VALUE``.

    Raises:
        InputError: no such setpoint, one twice, no numbers, the wrong way round, or too many.
    """
    found: dict[Setpoint, tuple[float, ...]] = {}
    for text in texts or []:
        setpoint, value = setpoint_from(text)
        _once(setpoint, found)
        found[setpoint] = _axis(text, value)
    return found


def _axis(text: str, value: str) -> tuple[float, ...]:
    from twin.sweep import check_size  # noqa: PLC0415  # as above

    allowed = "NAME=LOW:HIGH:NUMBER with LOW at most HIGH [degC] and NUMBER at least 1, or NAME=VALUE"
    parts = value.split(":")
    if len(parts) == 1:
        return (_number("--set", text, value, allowed),)
    if len(parts) != _AXIS_PARTS or not parts[2].strip().isdecimal():
        raise InputError("--set", found=repr(text), allowed=allowed, do="correct it")
    low, high = (_number("--set", text, part, allowed) for part in parts[:2])
    count = int(parts[2])
    if low > high or not count or (count == 1 and low < high):
        raise InputError("--set", found=repr(text), allowed=allowed, do="correct it")
    check_size(count)
    return tuple(dict.fromkeys(np.round(np.linspace(low, high, count), 6).tolist()))


def shift_from(texts: Sequence[str] | None, *, unbalanced: bool = False) -> tuple[float, ...]:
    """Read ``HOUR=KW`` pairs to 24 values [kW]; none where nothing is shifted.

    Raises:
        InputError: no hour, no number, an hour twice, or more comes than leaves without leave to.
    """
    if not texts:
        return ()
    allowed = "HOUR=KW, HOUR from 0 to 23, each once"
    kw: dict[int, float] = {}
    for text in texts:
        hour, _, value = text.partition("=")
        known = hour.strip().isdecimal() and int(hour) < HOURS_PER_DAY and int(hour) not in kw
        if not known:
            raise InputError("--shift", found=repr(text), allowed=allowed, do="correct it")
        kw[int(hour)] = _number("--shift", text, value, allowed)
    net = math.fsum(kw.values())
    if abs(net) > BALANCED_KW and not unbalanced:
        raise InputError(
            "--shift",
            found=f"{net:+g} kWh a day {'added' if net > 0 else 'dropped'}",
            allowed="shifts that add up to 0",
            do="balance them, or say --unbalanced",
        )
    return tuple(kw.get(hour, 0.0) for hour in range(HOURS_PER_DAY))


def _once(setpoint: Setpoint, found: dict[Setpoint, float] | dict[Setpoint, tuple[float, ...]]) -> None:
    if setpoint in found:
        raise InputError("--set", found=f"{setpoint}_c twice", allowed="each once", do="leave one out")


def _number(option: str, text: str, value: str, allowed: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(option, found=repr(text), allowed=allowed, do="give a number")
    return number


def time_from(option: str, text: str) -> datetime:
    """Read an ISO time of an option; without an offset it is UTC.

    Raises:
        InputError: it is none.
    """
    try:
        return parse_time(text)
    except ValueError:
        raise InputError(
            option, found=repr(text), allowed="an ISO 8601 time", do="write it like 2026-03-02T00:00:00Z"
        ) from None


def period_from(begin: str, end: str) -> tuple[datetime, datetime]:
    """Read ``--from`` and ``--to``.

    Raises:
        InputError: no times, the wrong way round, or too short or long.
    """
    start, stop = time_from("--from", begin), time_from("--to", end)
    if not STEP <= stop - start <= PERIOD_MAX:
        raise InputError(
            "--to",
            found=f"{end}, {stop - start} after --from",
            allowed=f"{STEP} to {PERIOD_MAX.days} days after it",
            do="correct one of them",
        )
    return start, stop


def days_from(day: str | None, first: str | None, last: str | None) -> tuple[date, date]:
    """Read ``--day``, or ``--from`` and ``--to`` as days, the last one included.

    Raises:
        InputError: neither or both, no dates, the wrong way round, or too many.
    """
    if (day is None) == (first is None or last is None) or (day is not None and (first or last)):
        raise InputError(
            "replay", found="not one period", allowed="--day D, or --from D --to D", do="give one of them"
        )
    if day is not None:
        return (_date("--day", day),) * 2
    begin, end = _date("--from", first or ""), _date("--to", last or "")
    if not timedelta(0) <= end - begin < PERIOD_MAX:
        raise InputError(
            "--to",
            found=f"{end}, {(end - begin).days} days after --from",
            allowed=f"0 to {PERIOD_MAX.days - 1} days after it",
            do="correct one of them",
        )
    return begin, end


def _date(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(option, found=repr(text), allowed="a date", do="write it like 2026-03-02") from None


def check_past(stop: datetime, clock: Clock) -> None:
    """Refuse a period that is not over.

    Raises:
        InputError: it ends in the future.
    """
    if stop > (now := clock.now()):
        raise InputError(
            "--to",
            found=stop.isoformat(),
            allowed=f"{now.isoformat(timespec='minutes')} or earlier",
            do="choose a past period: the twin needs its weather and load",
        )
