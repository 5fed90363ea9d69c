"""Chillers by name from a table of published curves, each checked before the twin believes it.

Some published fits miss their own rated point or turn the wrong way between their bounds. A small miss is
renormalised, a larger one refused unless the caller asks for it; what turns the wrong way is always refused.

References:
    Form: EnergyPlus data set Chillers.idf, one row a chiller; any table with the same columns does.
"""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import InputError
from core.units import W_PER_KW
from twin.plant.chiller import RECORDS, ChillerRecord, at_reference
from twin.plant.curves import Bounds, Floats, biquadratic, polynomial

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MISS_MAX_RATIO: Final = 0.05
"""Greatest miss of its own rated point [1] that is renormalised without being asked for."""
WRONG_WAY_MAX_RATIO: Final = 0.05
"""Greatest change of the input ratio in the wrong direction [1]; less is the waviness of any fit."""
NAME: Final = "record"
LABEL: Final = "energyplus_name"
_CURVES: Final = {"capft": 6, "eirft": 6, "eirfplr": 3}
_NUMBERS: Final = (
    "ref_capacity_W",
    "ref_COP",
    "PLR_min",
    "PLR_min_unload",
    "PLR_max",
    "T_chw_leave_ref_C",
    "T_cond_enter_ref_C",
    "T_chw_min_C",
    "T_chw_max_C",
    "T_cond_min_C",
    "T_cond_max_C",
    "eta_motor",
    *(f"{curve}_{i}" for curve, count in _CURVES.items() for i in range(1, count + 1)),
)
COLUMNS: Final = (NAME, LABEL, *_NUMBERS)
"""Columns that a table has to have; others are not read."""
_PREFIX: Final = "ElectricEIRChiller "
_AIR_COOLED: Final = "aircooled"
_GRID: Final = 25
_SUGGESTIONS: Final = 3
_LIKENESS_MIN: Final = 0.4


def record_named(name: str, path: Path | None = None, *, renormalise: bool = False) -> ChillerRecord:
    """The curves of one chiller by its name, found fit for use.

    Args:
        name: its name in either column of the table, or one of RECORDS, in upper or lower case; EnergyPlus's
            "ElectricEIRChiller" may be left out.
        path: the table; without one, only RECORDS are looked through.
        renormalise: take curves that miss their own rated point by more than MISS_MAX_RATIO, too.

    Returns:
        A record that gives its own rating at its rated point; its note says what was changed for that.

    Raises:
        InputError: no such name, a table that cannot be read, or a record unfit for use.
    """
    records = {**RECORDS, **(read_records(path) if path else {})}
    known = {
        alias.casefold(): record
        for key, record in records.items()
        for alias in (key, record.label, record.label.removeprefix(_PREFIX))
    }
    found = known.get(name.strip().casefold())
    if found is None:
        near = get_close_matches(name.casefold(), known, _SUGGESTIONS, _LIKENESS_MIN)
        nearest = ", ".join(dict.fromkeys(known[key].label.removeprefix(_PREFIX) for key in near))
        raise InputError(
            "chiller record",
            found=f"{name!r}, which is none of {len(records)}",
            allowed=f"a name such as {nearest or ', '.join(RECORDS)}",
            do="name one of them" if path else "name one of them or a table that has it",
        )
    _refuse_impossible(found)
    return _at_its_rating(found, renormalise=renormalise)


def read_records(path: Path) -> dict[str, ChillerRecord]:
    """All chillers of a table as published, neither checked for use nor renormalised, by first column.

    Args:
        path: a CSV file with COLUMNS.

    Raises:
        InputError: it is not there, no such table, or a cell is missing or no number.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _refuse_columns(path, reader.fieldnames or ())
            records: dict[str, ChillerRecord] = {}
            for row in reader:
                where = f"{path.name} line {reader.line_num}"
                _refuse_line(where, row, records)
                records[row[NAME]] = _record(where, row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"table of chillers {path.name}",
            found=str(error),
            allowed="a CSV file in UTF-8",
            do="correct the file or its name",
        ) from error
    return records


def _refuse_columns(path: Path, found: Sequence[str]) -> None:
    missing = [name for name in COLUMNS if name not in found]
    if missing:
        raise InputError(
            f"table of chillers {path.name}",
            found=f"no column {', '.join(missing)}",
            allowed=f"a header with {', '.join(COLUMNS)}",
            do="add what is missing",
        )


def _refuse_line(where: str, row: Mapping[str, str], before: Mapping[str, ChillerRecord]) -> None:
    name = row[NAME]
    found = "no name" if not name else f"{name!r} again" if name in before else ""
    found = found or ("more cells than columns" if None in row else "")
    if found:
        raise InputError(
            where, found=found, allowed="a name of its own and one cell a column", do="correct the line"
        )


def _record(where: str, row: dict[str, str]) -> ChillerRecord:
    values = {name: _number(where, name, row[name]) for name in _NUMBERS}
    label = row[LABEL] or row[NAME]

    def curve(name: str) -> tuple[float, ...]:
        return tuple(values[f"{name}_{i}"] for i in range(1, _CURVES[name] + 1))

    return ChillerRecord(
        label=label,
        capacity_kw=values["ref_capacity_W"] / W_PER_KW,
        cop=values["ref_COP"],
        leaving_c=values["T_chw_leave_ref_C"],
        entering_c=values["T_cond_enter_ref_C"],
        load_min_ratio=values["PLR_min"],
        load_unload_ratio=values["PLR_min_unload"],
        load_max_ratio=values["PLR_max"],
        leaving_bounds=Bounds(values["T_chw_min_C"], values["T_chw_max_C"]),
        entering_bounds=Bounds(values["T_cond_min_C"], values["T_cond_max_C"]),
        capacity_curve=curve("capft"),
        eir_curve=curve("eirft"),
        part_load_curve=curve("eirfplr"),
        motor_heat_ratio=values["eta_motor"],
        air_cooled=_AIR_COOLED in label.casefold().replace(" ", "").replace("-", ""),
    )


def _number(where: str, column: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            f"{where}, {column}", found=repr(text or ""), allowed="a number", do="correct the cell"
        )
    return value


def _refuse_impossible(record: ChillerRecord) -> None:
    """Refuse curves that no machine can have.

    Raises:
        InputError: a limit out of order, capacity or power not above 0, or power that turns the wrong way.
    """
    leaving, entering = record.leaving_bounds, record.entering_bounds
    ordered = (
        0 < record.load_min_ratio <= record.load_unload_ratio < record.load_max_ratio
        and leaving.low <= record.leaving_c <= leaving.high
        and entering.low <= record.entering_c <= entering.high
    )
    if not ordered:
        raise _unfit(
            record, "limits out of order", "0 < PLR_min <= PLR_min_unload < PLR_max, min <= ref <= max"
        )
    if min(record.capacity_kw, record.cop) <= 0 or not 0 < record.motor_heat_ratio <= 1:
        raise _unfit(
            record, "a capacity, COP or motor efficiency that cannot be", "above 0, the last up to 1"
        )
    by_leaving = np.linspace(leaving.low, leaving.high, _GRID)[:, np.newaxis]
    by_entering = np.linspace(entering.low, entering.high, _GRID)
    capacity = biquadratic(record.capacity_curve, by_leaving, by_entering)
    ratio = biquadratic(record.eir_curve, by_leaving, by_entering)
    loads = np.linspace(record.load_unload_ratio, record.load_max_ratio, _GRID)
    part_load = polynomial(record.part_load_curve, loads)
    if min(capacity.min(), ratio.min(), part_load.min()) <= 0:
        raise _unfit(record, "capacity or power not above 0 inside its bounds", "more than 0 throughout")
    for what, wrong in (
        ("more power by warmer chilled water", _greatest_fall(ratio[::-1])),
        ("more power by a colder condenser", _greatest_fall(ratio.T)),
        ("less power by more load", _greatest_fall(part_load)),
    ):
        if wrong > WRONG_WAY_MAX_RATIO:
            raise _unfit(record, f"up to {wrong:.1%} {what}", f"{WRONG_WAY_MAX_RATIO:.0%} inside its bounds")


def _greatest_fall(values: Floats) -> float:
    """Greatest fall along the first axis from any earlier value, over the mean [1]."""
    return float((np.maximum.accumulate(values, axis=0) - values).max() / values.mean())


def _at_its_rating(record: ChillerRecord, *, renormalise: bool) -> ChillerRecord:
    """The same curves, 1 at the rated point.

    Raises:
        InputError: they are too far off it, and nobody asked for them all the same.
    """
    capacity, ratio = at_reference(record)
    said = f"{capacity - 1:+.2%} capacity and {ratio - 1:+.2%} input ratio at its own rated point"
    if max(abs(capacity - 1.0), abs(ratio - 1.0)) > MISS_MAX_RATIO and not renormalise:
        do = "use another record or ask for its curves to be renormalised"
        raise _unfit(record, said, f"{MISS_MAX_RATIO:.0%} either way", do)
    return replace(
        record,
        capacity_curve=tuple(value / capacity for value in record.capacity_curve),
        eir_curve=tuple(value / ratio for value in record.eir_curve),
        note=f"renormalised: the published curves gave {said}",
    )


def _unfit(record: ChillerRecord, found: str, allowed: str, do: str = "use another record") -> InputError:
    return InputError(f"chiller record {record.label!r}", found=found, allowed=allowed, do=do)
