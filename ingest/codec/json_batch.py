"""Many readings of one asset as JSON on the asset's topic, in three forms.

- ``{"time": t, "values": {"power": 12.3, ...}, "units": {"power": "kW"}}``: several points at one time;
- the same with ``"time": [t, ...]`` and a list of as many values per point;
- ``[{"time": t, "point": "power", "value": 12.3, "unit": "kW"}, ...]``: whatever else.

A value of null is no reading. One bad reading costs the others nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from core.points import CATALOGUE
from ingest.codec.base import (
    Decoded,
    Decoding,
    Rejected,
    Run,
    Source,
    Time,
    canonical,
    known_point,
    quoted,
    reading,
    refuse,
    sort_out,
    utc,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MANY_MAX: Final = 100_000
"""Most readings in one payload."""


class Batch(msgspec.Struct, omit_defaults=True):
    """Points of one asset, at one time or at many."""

    values: dict[str, float | list[float | None] | None]
    time: datetime | float | list[datetime | float] | None = None
    units: dict[str, str] = {}


class Item(msgspec.Struct, omit_defaults=True):
    """One element of the list form."""

    point: str
    value: float
    time: datetime | float | None = None
    unit: str | None = None
    status: int | str | None = None


class _Loose(msgspec.Struct):
    values: dict[str, Any]
    time: datetime | float | list[datetime | float] | None = None
    units: dict[str, str] = {}


_decoder: Final = msgspec.json.Decoder(Batch | list[Item])
_loose: Final = msgspec.json.Decoder(_Loose | list[msgspec.Raw])
_item: Final = msgspec.json.Decoder(Item)
encode: Final = msgspec.json.Encoder().encode
_BAD: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode(source: Source, payload: bytes, arrived: datetime) -> Decoding:
    """Read a batch in any of its forms."""
    try:
        found = _decoder.decode(payload)
    except _BAD:
        return _one_by_one(source, payload, arrived)
    if isinstance(found, Batch):
        return _points(source.asset, found.time, found.values, found.units, arrived, checked=True)
    return _items(source.asset, found, arrived)


def _one_by_one(source: Source, payload: bytes, arrived: datetime) -> Decoding:
    """A payload with something wrong in it: keep what is right."""
    try:
        found = _loose.decode(payload)
    except _BAD as error:
        return refuse(f"no JSON batch: {quoted(str(error))}")
    if isinstance(found, _Loose):
        return _points(source.asset, found.time, found.values, found.units, arrived, checked=False)
    items: list[Item] = []
    bad: list[Rejected] = []
    for number, raw in enumerate(found[:MANY_MAX]):
        try:
            items.append(_item.decode(raw))
        except _BAD as error:
            bad.append(Rejected(f"element {number}: {quoted(str(error))}"))
    good = _items(source.asset, items, arrived)
    return Decoding(good.readings, bad + good.rejected)


def _items(asset: str, items: Iterable[Item], arrived: datetime) -> Decoding:
    return sort_out(
        [
            reading(asset, i.point, arrived if i.time is None else i.time, i.value, i.unit, i.status)
            for i in items
        ]
    )


def _points(
    asset: str,
    time: Time | list[Time] | None,
    values: Mapping[str, Any],
    units: Mapping[str, str],
    arrived: datetime,
    *,
    checked: bool,
) -> Decoding:
    """Readings of an object; `checked` where its values are known to be numbers or null."""
    if isinstance(time, list):
        return _many(asset, time, values, units, checked=checked)
    when = arrived if time is None else utc(time)
    if isinstance(when, Rejected):
        return Decoding([], [when])
    readings: list[Decoded] = []
    rejected: list[Rejected] = []
    for name, value in values.items():
        if value is None:
            continue
        amount = _amount(name, value, units.get(name))
        if isinstance(amount, Rejected):
            rejected.append(amount)
        else:
            readings.append(Decoded(asset, name, when, amount, 0))
    return Decoding(readings, rejected)


def _amount(name: str, value: Any, unit: str | None) -> float | Rejected:
    point = known_point(name)
    if isinstance(point, Rejected):
        return point
    if isinstance(value, float):
        return canonical(point, value, unit)
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return canonical(point, float(value), unit)
        except OverflowError:
            pass
    return Rejected(f"value {quoted(value)} of {name} is no number")


def _many(
    asset: str, times: Sequence[Time], values: Mapping[str, Any], units: Mapping[str, str], *, checked: bool
) -> Decoding:
    if len(times) * len(values) > MANY_MAX:
        return refuse(f"more than {MANY_MAX} readings in one message")
    exact = _exact(times) if checked else None
    whens: list[datetime | Rejected] = [*exact] if exact else [utc(time) for time in times]
    runs: list[Run] = []
    result = Decoding([], [], runs)
    for name, column in values.items():
        if not isinstance(column, list) or len(column) != len(whens):
            reason = f"values of {quoted(name)} are not a list of {len(whens)}, one for each time"
            result.rejected.append(Rejected(reason))
        elif exact and None not in column and _plain(name, units.get(name)):
            runs.append(Run(asset, name, exact, column))
        else:
            _column(asset, name, units.get(name), zip(whens, column, strict=True), result)
    return result


def _exact(times: Sequence[Time]) -> list[datetime] | None:
    """Times as they are, where all of them are UTC."""
    found = [time for time in times if isinstance(time, datetime)]
    return found if len(found) == len(times) and {time.tzinfo for time in found} == {UTC} else None


def _plain(name: str, unit: str | None) -> bool:
    """Whether values of a point need no conversion."""
    point = CATALOGUE.get(name)
    return point is not None and unit in {None, point.unit}


def _column(
    asset: str,
    name: str,
    unit: str | None,
    cells: Iterable[tuple[datetime | Rejected, Any]],
    result: Decoding,
) -> None:
    """One point's values at many times."""
    plain = _plain(name, unit)
    keep = result.readings.append
    for when, value in cells:
        if value is None:
            continue
        if isinstance(when, Rejected):
            result.rejected.append(when)
            continue
        amount = value if plain and isinstance(value, float) else _amount(name, value, unit)
        if isinstance(amount, Rejected):
            result.rejected.append(amount)
        else:
            keep(Decoded(asset, name, when, amount, 0))
