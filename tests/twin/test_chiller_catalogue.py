"""Chillers by name: the 159 published ones, and what is refused."""

from __future__ import annotations

import csv
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from twin.plant import chiller
from twin.plant.chiller_catalogue import COLUMNS, MISS_MAX_RATIO, read_records, record_named

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD: Final = {
    "record": "good_machine",
    "energyplus_name": "ElectricEIRChiller Good Machine 500kW",
    "ref_capacity_W": "500000",
    "ref_COP": "5.5",
    "PLR_min": "0.1",
    "PLR_min_unload": "0.2",
    "PLR_max": "1.0",
    "T_chw_leave_ref_C": "6.67",
    "T_cond_enter_ref_C": "29.4",
    "T_chw_min_C": "5",
    "T_chw_max_C": "10",
    "T_cond_min_C": "24",
    "T_cond_max_C": "35",
    "eta_motor": "1.0",
    **{
        f"{curve}_{i}": repr(value)
        for curve, values in (
            ("capft", chiller.RECORDS["doe2_centrifugal"].capacity_curve),
            ("eirft", chiller.RECORDS["doe2_centrifugal"].eir_curve),
            ("eirfplr", chiller.RECORDS["doe2_centrifugal"].part_load_curve),
        )
        for i, value in enumerate(values, 1)
    },
}
"""A line of a table, the DOE-2 centrifugal machine."""
COOLER_IS_WORSE: Final = {
    "eirft_1": "1.5",
    "eirft_2": "-0.01",
    **{f"eirft_{i}": "0" for i in (3, 5, 6)},
    "eirft_4": "-0.0148",
}
WARMER_IS_WORSE: Final = {"eirft_1": "0.4", "eirft_2": "0.05", **{f"eirft_{i}": "0" for i in (3, 5, 6)}}
names = st.integers(0, 158)


@pytest.fixture(scope="module")
def table(shared_data: Path) -> Path:
    return shared_data / "reference" / "chillers_eir.csv"


@pytest.fixture(scope="module")
def published(table: Path) -> dict[str, chiller.ChillerRecord]:
    return read_records(table)


@pytest.fixture(scope="module")
def usable(table: Path, published: dict[str, chiller.ChillerRecord]) -> list[chiller.ChillerRecord]:
    fit = []
    for name in published:
        with suppress(InputError):
            fit.append(record_named(name, table))
    return fit


@pytest.fixture(scope="module")
def pick(usable: list[chiller.ChillerRecord]) -> Callable[[int], chiller.ChillerRecord]:
    """One of them by any number; a function, because hypothesis prints what it is given."""
    return lambda index: usable[index % len(usable)]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def one(*rows: dict[str, str], text: str | None = None) -> Path:
        path = tmp_path / "chillers.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows({**GOOD, **row} for row in rows)
            file.write(text or "")
        return path

    return one


def test_all_159_are_read_and_the_built_in_ones_are_theirs(
    published: dict[str, chiller.ChillerRecord],
) -> None:
    assert len(published) == 159
    by_label = {record.label: record for record in published.values()}
    same = [record for record in chiller.RECORDS.values() if record.label in by_label]
    assert len(same) == 6
    for record in same:
        assert replace(by_label[record.label], capacity_kw=record.capacity_kw) == record
        assert by_label[record.label].capacity_kw == pytest.approx(record.capacity_kw, rel=1e-3)
    assert [record.label for record in published.values() if record.air_cooled] == [
        chiller.RECORDS["york_ycal0033_air"].label
    ]


def test_twelve_of_them_miss_their_own_rated_point_and_are_taken_only_on_demand(
    table: Path, published: dict[str, chiller.ChillerRecord]
) -> None:
    off = [
        name
        for name, record in published.items()
        if max(abs(value - 1.0) for value in chiller.at_reference(record)) > MISS_MAX_RATIO
    ]
    assert len(off) == 12
    taken = []
    for name in off:
        with pytest.raises(InputError, match=r"own rated point; allowed is 5% either way|inside its bounds"):
            record_named(name, table)
        with suppress(InputError):
            taken.append(record_named(name, table, renormalise=True))
    assert len(taken) == 11  # the other one turns the wrong way, too
    for record in taken:
        assert chiller.at_reference(record) == pytest.approx((1.0, 1.0), rel=1e-12)


def test_the_others_give_their_own_rating_and_say_what_was_changed(
    usable: list[chiller.ChillerRecord], published: dict[str, chiller.ChillerRecord]
) -> None:
    assert len(usable) == 142
    for record in usable:
        assert chiller.at_reference(record) == pytest.approx((1.0, 1.0), rel=1e-12)
        assert record.note.startswith("renormalised: the published curves gave ")
    mcquay = "ElectricEIRChiller_McQuay_WSC_471kW_5_89COP_Vanes"
    assert published[mcquay].note == ""
    assert "-0.15% capacity and +0.39% input ratio" in usable[0].note


@settings(max_examples=150, deadline=None)
@given(index=names, share=st.floats(0, 1), warm=st.floats(0, 1), cold=st.floats(0, 1))
def test_any_that_is_taken_has_capacity_and_needs_more_power_for_more_load(
    pick: Callable[[int], chiller.ChillerRecord], index: int, share: float, warm: float, cold: float
) -> None:
    record = pick(index)
    leaving = np.interp(cold, (0.0, 1.0), (record.leaving_bounds.low, record.leaving_bounds.high))
    entering = np.interp(warm, (0.0, 1.0), (record.entering_bounds.low, record.entering_bounds.high))
    machines = chiller.ChillerParameters(2, 500.0, 5.0, record)
    load = np.concatenate(([0.0], np.linspace(0.05, 1.0, 40) * 900.0 * (0.5 + share)))
    state = chiller.solve(machines, load, np.full(41, leaving), np.full(41, entering), np.full(41, 2.0))
    assert all(np.isfinite(values).all() for values in state)
    assert not state.outside.any()
    assert state.power_kw[0] == 0
    assert (state.power_kw[1:] > 0).all()
    assert state.served_kw + state.unmet_kw == pytest.approx(load)
    fall = np.maximum.accumulate(state.power_kw) - state.power_kw
    assert fall.max() <= 0.5  # 0.5 % of one's rated 100 kW: the waviness of a few fits
    assert state.served_kw[-1] >= 0.25 * min(float(load[-1]), 1000.0)  # two of 500 kW, at their worst corner


@pytest.mark.parametrize(
    "name",
    [
        "ElectricEIRChiller_York_YT_1055kW_5_96COP_Vanes",
        "ElectricEIRChiller York YT 1055kW/5.96COP/Vanes",
        " york yt 1055kw/5.96cop/vanes ",
        "york_yt_1055_vanes",
    ],
)
def test_a_record_goes_by_any_of_its_names(table: Path, name: str) -> None:
    found = record_named(name, table)
    assert found.label == chiller.RECORDS["york_yt_1055_vanes"].label
    assert found.entering_c == 29.44


def test_an_unknown_name_is_answered_with_the_nearest(table: Path) -> None:
    with pytest.raises(
        InputError, match=r"'York YT 1055kW', which is none of 1\d\d; .*York YT 1055kW/5.96COP"
    ):
        record_named("York YT 1055kW", table)
    with pytest.raises(InputError, match=r"none of 7; allowed is a name such as .*a table that has it"):
        record_named("qqqqq")


def test_a_good_line_is_read_in_kilowatts(write: Callable[..., Path]) -> None:
    record = record_named("GOOD_machine", write({}))
    assert (record.capacity_kw, record.cop, record.air_cooled) == (500.0, 5.5, False)
    assert record_named("good_machine", write({"energyplus_name": "Best Air-Cooled"})).air_cooled
    assert record_named("good_machine", write({"energyplus_name": "Best Air Cooled"})).air_cooled


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"ref_capacity_W": "0"}, "capacity, COP or motor efficiency"),
        ({"ref_COP": "-3"}, "capacity, COP or motor efficiency"),
        ({"eta_motor": "1.2"}, "capacity, COP or motor efficiency"),
        ({"PLR_min": "0.3"}, "limits out of order"),
        ({"T_chw_min_C": "12"}, "limits out of order"),
        ({"T_cond_enter_ref_C": "40"}, "limits out of order"),
        ({"capft_1": "-1.5"}, "capacity or power not above 0"),
        ({"eirft_1": "-0.5"}, "capacity or power not above 0"),
        ({"eirfplr_1": "-0.5"}, "capacity or power not above 0"),
        (COOLER_IS_WORSE, r"more power by a colder condenser; allowed is 5% inside"),
        (WARMER_IS_WORSE, r"more power by warmer chilled water"),
        ({"eirfplr_1": "1.8", "eirfplr_2": "-0.8", "eirfplr_3": "0"}, "less power by more load"),
        ({"capft_1": "0.4"}, r"\+14.\d\d% capacity and .*; use another record or ask"),
    ],
)
def test_a_record_that_no_machine_can_have_is_refused(
    write: Callable[..., Path], change: dict[str, str], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        record_named("good_machine", write(change))


@pytest.mark.parametrize(
    ("rows", "text", "says"),
    [
        ([{"ref_COP": ""}], "", "chillers.csv line 2, ref_COP: found ''; allowed is a number"),
        ([{"capft_3": "n/a"}], "", "line 2, capft_3: found 'n/a'"),
        ([{"capft_3": "inf"}], "", "line 2, capft_3: found 'inf'"),
        ([{}, {}], "", "line 3: found 'good_machine' again"),
        ([{"record": ""}], "", "line 2: found no name"),
        ([{}], "short,line\n", "line 3, ref_capacity_W: found ''"),
        ([{}], ",".join(["1"] * 40), "line 3: found more cells than columns"),
        ([{}], '"never closed', "table of chillers chillers.csv: found unexpected end"),
    ],
)
def test_a_malformed_table_is_refused_with_the_line(
    write: Callable[..., Path], rows: list[dict[str, str]], text: str, says: str
) -> None:
    path = write(*rows, text=text)
    with pytest.raises(InputError, match=says):
        record_named("good_machine", path)


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"table of chillers nowhere.csv: found .*No such file"):
        record_named("x", tmp_path / "nowhere.csv")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(InputError, match=r"empty.csv: found no column record, energyplus_name"):
        record_named("x", tmp_path / "empty.csv")
    (tmp_path / "latin.csv").write_bytes("record,Kühler".encode("latin-1"))
    with pytest.raises(InputError, match=r"allowed is a CSV file in UTF-8"):
        record_named("x", tmp_path / "latin.csv")
