"""Our own batches with numbers for names: a retained birth says what each number means.

- ``joulecast/<site>/<asset>/$birth``, retained: ``{"aliases": {"1": {"point": "power", "unit": "kW"}}}``
- ``joulecast/<site>/<asset>/$data``: ``{"time": t, "m": [[1, 12.3], ...]}``; an element may end with a time
  of its own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from ingest.codec.base import Decoded, Rejected, known_point, quoted, reading, unit_problem
from ingest.codec.dialect import KNOWN_MAX, Heard, Letter, as_number

BIRTH: Final = "$birth"
DATA: Final = "$data"
CODEC: Final = "aliases"
_TIMED: Final = 3
"""Length of an element with a time of its own."""


class Meaning(msgspec.Struct):
    """What one number stands for."""

    point: str
    unit: str | None = None


class Birth(msgspec.Struct):
    """What all the numbers of an asset stand for."""

    aliases: dict[int, Meaning]


class Data(msgspec.Struct):
    """Values by number."""

    m: list[list[Any]]
    time: datetime | float | None = None


_birth: Final = msgspec.json.Decoder(Birth)
_data: Final = msgspec.json.Decoder(Data)
_BAD: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Aliases:
    """The births of all assets of a site."""

    def __init__(self) -> None:
        self._births: dict[str, dict[int, Meaning]] = {}

    def read(self, letter: Letter) -> Heard:
        """Take one message in."""
        heard = Heard()
        asset, kind = letter.topic.split("/")[-2:]
        try:
            if kind == BIRTH:
                self._born(asset, _birth.decode(letter.payload), heard)
            else:
                self._data(letter, asset, _data.decode(letter.payload), heard)
        except _BAD as error:
            heard.refuse(f"no {kind}: {quoted(str(error))}")
        return heard

    def _born(self, asset: str, birth: Birth, heard: Heard) -> None:
        if asset not in self._births and len(self._births) >= KNOWN_MAX:
            heard.refuse(f"more than {KNOWN_MAX} assets with births")
            return
        meanings: dict[int, Meaning] = {}
        for number, meaning in birth.aliases.items():
            point = known_point(meaning.point)
            problem = point.reason if isinstance(point, Rejected) else None
            if problem is None and meaning.unit is not None:
                problem = unit_problem(meaning.point, meaning.unit)
            if problem:
                heard.refuse(f"alias {number}: {problem}")
            else:
                meanings[number] = meaning
        self._births[asset] = meanings

    def _data(self, letter: Letter, asset: str, data: Data, heard: Heard) -> None:
        meanings = self._births.get(asset)
        if meanings is None:
            heard.refuse(f"data of {quoted(asset)} before its {BIRTH}, which has to be retained")
            return
        for element in data.m:
            found = _element(letter, asset, meanings, data.time, element)
            if isinstance(found, Rejected):
                heard.rejected.append(found)
            elif found is not None:
                heard.readings.append(found)


def _element(
    letter: Letter,
    asset: str,
    meanings: dict[int, Meaning],
    common: datetime | float | None,
    element: list[Any],
) -> Decoded | Rejected | None:
    if len(element) not in {2, _TIMED} or not isinstance(element[0], int):
        return Rejected(f"element {quoted(element)} is not [alias, value] or [alias, value, time]")
    meaning = meanings.get(element[0])
    if meaning is None:
        return Rejected(f"alias {element[0]} of {quoted(asset)} is not in its {BIRTH}")
    if element[1] is None:
        return None
    value = as_number(element[1])
    if value is None or isinstance(element[1], bool):
        return Rejected(f"value {quoted(element[1])} of alias {element[0]} is no number")
    time = common
    if len(element) == _TIMED:
        try:
            time = msgspec.convert(element[2], datetime | float)
        except msgspec.MsgspecError:
            return Rejected(f"time {quoted(element[2])} of alias {element[0]} is none")
    return reading(asset, meaning.point, letter.arrived if time is None else time, value, meaning.unit)
