"""What every codec speaks: a payload comes in, readings in canonical units and refusals come out.

A codec never raises for anything that a device may send: what it cannot read is a `Rejected` with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from core.errors import InputError
from core.points import CATALOGUE, PointType, Status
from core.units import to_canonical

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SHOWN_CHARS: Final = 80
"""How much of a bad value is quoted in a reason."""
OPC_CODE_BITS: Final = 16
"""Where a full 32-bit OPC UA status code has its severity and sub-code."""
STATUS_MAX: Final = 0xFFFF
OPC_CODE_MAX: Final = 0xFFFFFFFF

Time = datetime | float
"""As devices send it: ISO 8601, or epoch milliseconds."""


class Decoded(NamedTuple):
    """One reading."""

    asset: str
    point: str
    """Its name in the catalogue."""
    time: datetime
    """When it was measured, UTC."""
    value: float
    """[canonical unit of the point]."""
    status: int
    """Upper 16 bits of its OPC UA status code."""


class Run(NamedTuple):
    """Good readings of one point, each with a time of its own: what costs least to hand on."""

    asset: str
    point: str
    """Its name in the catalogue."""
    times: list[datetime]
    """(n,) when they were measured; with an offset."""
    values: list[float]
    """(n,) finite [canonical unit of the point]."""

    def readings(self) -> list[Decoded]:
        """Each by itself."""
        return [
            Decoded(self.asset, self.point, time, value, 0)
            for time, value in zip(self.times, self.values, strict=True)
        ]


class Rejected(NamedTuple):
    """Something that cannot be a reading."""

    reason: str


class Decoding(NamedTuple):
    """What came out of one payload."""

    readings: list[Decoded]
    rejected: list[Rejected]
    runs: Sequence[Run] = ()
    """More readings."""


class Source(NamedTuple):
    """What the topic says about a payload."""

    asset: str
    point: str | None = None
    """None where the payload names its points."""
    unit: str | None = None
    """The unit that `site.toml` gives; None: the payload's own, else the canonical one."""


Codec = Callable[[Source, bytes, datetime], Decoding]
"""Topic, payload and time of arrival -> readings and refusals."""


def refuse(reason: str) -> Decoding:
    """A payload of which nothing is left."""
    return Decoding([], [Rejected(reason)])


def quoted(value: object) -> str:
    """A bad value for a reason: short, and always one that a database takes."""
    text = ascii(value)
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 3] + "..."


def utc(time: Time) -> datetime | Rejected:
    """A device's time as UTC; one without an offset is UTC, a number is epoch milliseconds."""
    if isinstance(time, datetime):
        if time.tzinfo is UTC:
            return time
        try:
            return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        except OverflowError:
            return Rejected(f"time {quoted(str(time))} is beyond the calendar")
    try:
        return EPOCH + timedelta(milliseconds=time)
    except (OverflowError, ValueError):
        return Rejected(f"time {quoted(time)} is no epoch milliseconds")


def known_point(name: str) -> PointType | Rejected:
    """The catalogue's entry."""
    found = CATALOGUE.get(name)
    return Rejected(f"point {quoted(name)} is not in the catalogue") if found is None else found


@lru_cache(maxsize=4096)
def unit_problem(point: str, unit: str) -> str | None:
    """Why a point cannot be sent in a unit; None where it can."""
    try:
        to_canonical(0.0, unit, CATALOGUE[point].quantity)
    except InputError as error:
        return f"unit {quoted(unit)} of {point}: allowed is {error.allowed}"
    return None


def canonical(point: PointType, value: float, unit: str | None) -> float | Rejected:
    """A value in the point's canonical unit."""
    if unit is None or unit == point.unit:
        return value
    problem = unit_problem(point.name, unit)
    return Rejected(problem) if problem else to_canonical(value, unit, point.quantity)


@lru_cache(maxsize=256)
def status_code(status: int | str | None) -> int | Rejected:
    """An OPC UA status as our 16 bits: a name of `core.points.Status`, its number, or a full 32-bit code."""
    if status is None:
        return int(Status.GOOD)
    if isinstance(status, str):
        name = status.upper()
        return int(Status[name]) if name in Status.__members__ else Rejected(f"status {quoted(status)}")
    if 0 <= status <= STATUS_MAX:
        return status
    return status >> OPC_CODE_BITS if 0 <= status <= OPC_CODE_MAX else Rejected(f"status {quoted(status)}")


def reading(
    asset: str, name: str, time: Time, value: float, unit: str | None = None, status: int | str | None = None
) -> Decoded | Rejected:
    """One reading from its parts; whatever is wrong with it is the result."""
    point = known_point(name)
    if isinstance(point, Rejected):
        return point
    when = utc(time)
    if isinstance(when, Rejected):
        return when
    code = status_code(status)
    if isinstance(code, Rejected):
        return code
    amount = canonical(point, value, unit)
    return amount if isinstance(amount, Rejected) else Decoded(asset, name, when, amount, code)


def sort_out(parts: list[Decoded | Rejected]) -> Decoding:
    """Readings to one side, refusals to the other."""
    return Decoding(
        [p for p in parts if isinstance(p, Decoded)], [p for p in parts if isinstance(p, Rejected)]
    )
