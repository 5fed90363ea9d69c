"""Tests as rows: what they counted themselves, and that one that fails is told and never counts as passed."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import bench_advise
import pytest
from advise_checks import check
from common import ROOT
from sheet import NotMeasured, Sheet

if TYPE_CHECKING:
    from pathlib import Path

MIXED = """
import os
import pytest

@pytest.fixture
def fails_at_its_end():
    yield
    raise RuntimeError("late")

def test_that_counts(record_property):
    record_property("things", 7)
    record_property("told", os.environ["TOLD"])

def test_that_counts_and_fails(record_property):
    record_property("others", 3)
    assert False

@pytest.mark.parametrize("n", [1, 2])
def test_that_holds(n):
    assert n

def test_that_ends_badly(fails_at_its_end):
    pass

def test_that_is_left_out():
    pytest.skip("nothing here")
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Where a test is written down; the project's settings are in force there."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path / "test_written.py"


def rows(sheet: Sheet) -> dict[str, object]:
    flat = sheet.flat()
    return {key: flat[key] for key in flat if key.endswith(("_ours", "_met", "_note", "_not_measured"))}


def sheet_of(part: str) -> Sheet:
    return Sheet(tuple(target for target in bench_advise.targets() if target.part == part))


def test_what_the_tests_counted_and_how_each_ended(written: Path) -> None:
    written.write_text(MIXED)
    found = check(str(written), TOLD="12")
    head = "test_written::test_that_"
    assert sorted(found.passed) == [f"{head}counts", f"{head}holds[1]", f"{head}holds[2]"]
    assert found.others == {
        f"{head}counts_and_fails": "assert False",
        f"{head}ends_badly": 'failed on teardown with "RuntimeError: late"',
        f"{head}is_left_out": "nothing here",
    }
    assert found.run == 6
    assert found.counted == {"things": 7.0, "told": 12.0, "others": 3.0}
    with pytest.raises(NotMeasured, match="no test counted sites; not passed: test_written::test_that"):
        found.count("sites")


@pytest.mark.parametrize("text", ["", None])
def test_no_test_is_no_success(written: Path, text: str | None) -> None:
    if text is not None:
        written.write_text(text)
    with pytest.raises(NotMeasured, match="no test was run: "):
        check(str(written))


def test_a_failing_test_makes_its_rows_say_so(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written.write_text(
        "def test_sites(record_property):\n"
        "    for name, n in {'sites': 5, 'sites_with_excursion': 1, 'sites_accepted': 2}.items():\n"
        "        record_property(name, n)\n"
        "    assert False\n"
    )
    monkeypatch.setattr(bench_advise, "SITES_TEST", str(written))
    sheet = sheet_of("sites")
    with sheet.part("sites"):
        bench_advise.sites(sheet)
    assert rows(sheet) == {
        "random_sites_run_ours": 5.0,
        "random_sites_run_met": False,
        "random_sites_with_excursion_ours": 1.0,
        "random_sites_with_excursion_met": False,
        "random_sites_accepted_ours": 2.0,
        "random_sites_tests_passed_ours": 0.0,
        "random_sites_tests_passed_met": False,
        "random_sites_tests_passed_note": "not passed: test_written::test_sites (assert False)",
    }


def test_one_that_cannot_even_begin_is_not_met(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written.write_text("import nothing_of_that_name\n")
    for name in ("MACHINE_TEST", "FAULT_TESTS"):
        monkeypatch.setattr(bench_advise, name, str(written))
    machine, faults = sheet_of("machine"), sheet_of("faults")
    for name, sheet in (("machine", machine), ("faults", faults)):
        with sheet.part(name):
            bench_advise.PARTS[name](sheet)
        assert [row["met"] for row in sheet.table()][-1] == "no"
    why = rows(machine)["state_machine_sequences_not_measured"]
    assert str(why).startswith("no test counted sequences; not passed: ")
    assert rows(faults)["fault_tests_passed_met"] is False


def test_the_machine_is_told_how_many_sequences(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written.write_text(
        "import os\n"
        "def test_machine(record_property):\n"
        "    record_property('sequences', os.environ['JOULECAST_MACHINE_EXAMPLES'])\n"
        "    record_property('crashes', 3)\n"
    )
    monkeypatch.setattr(bench_advise, "MACHINE_TEST", str(written))
    sheet = sheet_of("machine")
    bench_advise.machine(sheet)
    assert [row["met"] for row in sheet.table()] == ["yes", "-", "yes"]
    assert rows(sheet)["state_machine_sequences_ours"] == bench_advise.SEQUENCES


def test_some_parts_alone_leave_the_file_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("common.RESULTS", tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench_advise.py", "--only", "pue"])
    bench_advise.main()
    assert list(tmp_path.iterdir()) == []
    shown = capsys.readouterr().out
    assert "least PUE" in shown
    assert "foresight" not in shown
    assert "not measured" not in shown
