"""The protocol by hand: where the parts begin, what is scored, and that no forecast sees past its origin."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import bench_forecast
import forecast_case
import forecast_ours
import forecast_run
import numpy as np
import pandas as pd
import pytest
from sheet import Sheet

from forecast.frames import nothing_known
from forecast.models import boosted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.series import Floats

ROOT = Path(__file__).parents[2]
QUICK = {"seeds": (1,), "max_steps": 20, "hidden": 8, "batch": 16}
QUICK_MODELS = [name for name in forecast_run.MODELS if not name.startswith("lightgbm")]


def load(days: int, seed: int = 1) -> Floats:
    """300 W, a daily wave of 100 W, half of that on two days of seven, noise of 10 W."""
    hours = np.arange(24 * days)
    wave = 100 * np.sin(2 * np.pi * hours / 24) * np.where(hours // 24 % 7 < 5, 1.0, 0.5)
    return 300 + wave + 10 * np.random.default_rng(seed).standard_normal(len(hours))


def made(y: Floats, start: str = "2026-01-01", known: pd.DataFrame | None = None) -> forecast_case.Case:
    times = pd.date_range(start, periods=len(y), freq="h", tz="UTC")
    history = pd.DataFrame({"valid_at": times, "y": y, "observed": np.isfinite(y)})
    return forecast_case.case("made", history, nothing_known() if known is None else known)


def quick(case: forecast_case.Case, name: str) -> Floats:
    if name == forecast_run.OURS:
        return forecast_ours.ours(case, **QUICK)[0]
    return forecast_run.MODELS[name](case)[0]


def write(path: Path, y: Floats, **more: object) -> Path:
    times = pd.date_range("2026-01-01", periods=len(y), freq="h")
    pd.DataFrame({"ds": times, "y": y, "observed": 1} | more).to_csv(path, index=False)
    return path


def test_parts_begin_where_the_protocol_says() -> None:
    # 50 days from 05:00: 80 % of 1200 rows is row 960, 05:00 again; the next midnight is 19 rows on
    case = made(load(50), start="2026-01-01 05:00")
    assert case.test == 979
    assert case.history["valid_at"].iloc[979].hour == 0
    assert case.validation == 979 - 122  # an eighth of 979 is 122.4
    # 221 rows are left: nine whole days
    assert case.origins.tolist() == list(range(979, 979 + 9 * 24, 24))
    # 80 % of 45 days is a midnight itself: the test starts there
    assert made(load(45)).test == 36 * 24


def test_parts_of_the_public_series(shared_data: Path) -> None:
    folder, found = shared_data / "forecast", {}
    for name, series in bench_forecast.SERIES.items():
        case = forecast_case.read(folder / series.file, series.column)
        assert case.name == name
        start = str(case.history["valid_at"].iloc[case.test].date())
        found[name] = (start, len(case.origins), round(case.scale, 3))
    assert found == {
        "sg_cooling_kwth": ("2020-04-05", 57, 136.302),
        "sg_chiller_kw": ("2020-04-05", 57, 31.852),
        "biohpc_fleet_w": ("2025-06-15", 127, 110.018),
        "etth1_hufl": ("2018-02-02", 144, 2.628),
    }


def test_seasonal_naive_is_as_known_and_mstl_better(shared_data: Path) -> None:
    case = forecast_case.read(shared_data / "forecast" / "sg_cooling_kwth.csv.gz")
    naive = forecast_case.score(case, forecast_run.MODELS["seasonal_naive"](case)[0])
    assert naive["mase"] == pytest.approx(0.968, abs=0.001)
    assert (naive["mae"], naive["rmse"]) == pytest.approx((131.9, 197.1), abs=0.1)
    last = replace(case, test=case.test + 24 * 47)
    mstl = forecast_case.score(last, forecast_run.MODELS["mstl"](last)[0])
    assert (
        mstl["mae"] < 0.9 * forecast_case.score(last, forecast_run.MODELS["seasonal_naive"](last)[0])["mae"]
    )
    assert case.covariates == ("dry_bulb_c", "dewpoint_c", "rh", "wind_ms", "wet_bulb_c")


def test_figures_by_hand() -> None:
    case = made(np.tile(np.arange(24.0), 50) + np.repeat(np.arange(50.0) % 2, 24))
    truth, _ = case.truth()
    quantiles = np.stack((truth - 1, truth + 2, truth + 4), axis=2)
    quantiles[:, 0] = quantiles[:, 0, ::-1]  # crossed: they are put in order
    figures = forecast_case.score(case, quantiles)
    # the series changes by one from each day to the next
    assert case.scale == 1.0
    assert (figures["mae"], figures["mase"], figures["rmse"]) == (2.0, 2.0, 2.0)
    assert (figures["coverage80"], figures["width80"], figures["rmse_daily_peak"]) == (1.0, 5.0, 2.0)
    # losses 0.1 * 1, 0.5 * 2 and 0.1 * 4
    assert forecast_case.daily_pinball(case, quantiles) == pytest.approx(np.full(10, 1.5 / 3))
    assert figures["wql"] == pytest.approx(2 * 0.5 / truth.mean())
    assert figures["wql_lead_1"] == pytest.approx(2 * 0.5 / truth[:, 0].mean())
    assert figures["wql_lead_6_24"] == pytest.approx(2 * 0.5 / truth[:, 6:].mean())
    assert (figures["days"], figures["hours_scored"]) == (10, 240)


def test_filled_hours_are_never_scored() -> None:
    case = made(load(50))
    case.history.loc[1000:1030, "observed"] = False
    case.history.loc[400:430, "observed"] = False
    other = replace(case, history=case.history.copy())
    other.history.loc[1000:1030, "y"] = 9e9
    other.history.loc[400:430, "y"] = 9e9
    scores = []
    for one in (case, other):
        quantiles = forecast_run.MODELS["seasonal_naive"](one)[0]
        scores.append(
            (forecast_case.score(one, quantiles), forecast_case.daily_pinball(one, quantiles).tolist())
        )
    assert scores[0] == scores[1]
    assert scores[0][0]["hours_scored"] == 240 - 31


@pytest.mark.parametrize("name", QUICK_MODELS)
def test_no_forecast_sees_past_its_origin(name: str) -> None:
    case = made(load(42))
    third = int(case.origins[2])
    other = replace(case, history=case.history.copy())
    other.history.loc[third:, "y"] = 5000.0 + np.arange(len(case.history) - third)
    one, two = quick(case, name), quick(other, name)
    assert one.shape == (len(case.origins), 24, 3)
    assert np.array_equal(one[:3], two[:3])
    assert not np.array_equal(one[3:], two[3:])


@pytest.mark.parametrize("name", ["ours", "mstl"])
def test_a_shuffled_series_gives_no_skill(name: str) -> None:
    y = load(42)
    shuffled = made(np.random.default_rng(3).permutation(y))
    truth, _ = shuffled.truth()
    error = forecast_case.score(shuffled, quick(shuffled, name))["mae"]
    # nothing is better than the mean of what was before, but for luck
    assert error > 0.93 * np.abs(truth - y[: shuffled.test].mean()).mean()


def test_trees_see_neither_past_their_origin_nor_a_shuffled_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boosted, "ROUNDS", 30)
    case, shuffled = made(load(42)), made(np.random.default_rng(3).permutation(load(42)))
    other = replace(case, history=case.history.copy())
    third = int(case.origins[2])
    other.history.loc[third:, "y"] = 5000.0
    for name in ("lightgbm", "lightgbm_diff24"):
        one, two = quick(case, name), quick(other, name)
        assert np.array_equal(one[:3], two[:3])
        naive = forecast_case.score(case, quick(case, "seasonal_naive"))["mae"]
        assert forecast_case.score(case, one)["mae"] < 1.1 * naive
    truth, _ = shuffled.truth()
    error = forecast_case.score(shuffled, quick(shuffled, "lightgbm"))["mae"]
    assert error > 0.93 * np.abs(truth - shuffled.history["y"][: shuffled.test].mean()).mean()


def test_a_difference_is_in_per_cent_of_the_rivals_loss() -> None:
    ours = {"model": "ours", "daily_pinball": [1.0, 1.0, None, 2.0]}
    rival = {"model": "mstl", "daily_pinball": [2.0, 2.0, 7.0, 4.0]}
    found = forecast_run.against(ours, rival)
    assert found["against"] == "mstl"
    assert found["difference_pct"] == pytest.approx(100 * (-4 / 3) / (8 / 3))
    assert found["difference_low_pct"] <= found["difference_pct"] <= found["difference_high_pct"]


def _bad(folder: Path) -> Iterator[tuple[str, Path]]:
    y = load(50)
    yield "no such file", folder / "absent.csv"
    yield "a time and a column of values", write(folder / "missing.csv", y).rename(folder / "m.csv")
    yield "a time twice", folder / "twice.csv"
    yield "uneven", folder / "uneven.csv"
    yield "every 3600 s", folder / "quarters.csv"
    yield "does not change", write(folder / "constant.csv", np.full(1200, 3.0))
    yield "add 32.0 days", write(folder / "short.csv", load(10))
    yield "no measured hour", write(folder / "unseen.csv", y, observed=0)
    yield "object values", write(folder / "text.csv", y, job=["many"] * len(y))


def test_a_bad_file_is_one_clear_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = pd.read_csv(write(tmp_path / "good.csv", load(50)))
    pd.concat([good, good.iloc[-1:]]).to_csv(tmp_path / "twice.csv", index=False)
    good.drop(index=[77]).to_csv(tmp_path / "uneven.csv", index=False)
    quarters = pd.date_range("2026-01-01", periods=len(good), freq="15min")
    good.assign(ds=quarters).to_csv(tmp_path / "quarters.csv", index=False)
    for says, path in _bad(tmp_path):
        column = ["--column", "HUFL"] if path.name == "m.csv" else []
        assert forecast_run.main([str(path), "--json", *column]) == 2
        printed = capsys.readouterr()
        assert says in printed.err
        assert printed.err.count("\n") == 1
        assert not printed.out


def test_it_runs_as_a_module_one_line_a_model(tmp_path: Path) -> None:
    path = write(tmp_path / "load.csv", load(50), temp_c=20.0)
    command = [sys.executable, "-m", "benchmarks.forecast", str(path), "--json", "--model"]
    done = subprocess.run(
        [*command, "seasonal_naive_168", "auto_ets"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["model"] for row in rows] == ["seasonal_naive_168", "auto_ets"]
    for row in rows:
        assert row["series"] == "load"
        assert 0.5 < row["coverage80"] <= 1.0
        assert {"mase", "wql", "rmse_daily_peak", "skill", "wql_lead_1_6", "latency_ms"} <= set(row)
        assert row["cpu_s"] > 0
        assert row["peak_mb"] > 50
    # each in a process of its own: the naive one does not carry statsforecast
    assert rows[0]["peak_mb"] < rows[1]["peak_mb"]


def test_a_named_column_has_no_covariates(tmp_path: Path) -> None:
    times = pd.date_range("2026-01-01", periods=1200, freq="h")
    pd.DataFrame({"ds": times, "HUFL": load(50), "OT": 1.0}).to_csv(tmp_path / "ETT.csv", index=False)
    case = forecast_case.read(tmp_path / "ETT.csv", "HUFL")
    assert (case.name, case.covariates) == ("ett_hufl", ())
    assert case.history["observed"].all()


def test_a_model_that_fails_is_told_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "load.csv", load(50))
    there = forecast_run._child
    monkeypatch.setattr(
        forecast_run,
        "_child",
        lambda *a: {"series": "load", "model": "mstl", "error": "why"} if a[2] == "mstl" else there(*a),
    )
    assert forecast_run.main([str(path), "--model", "mstl", "seasonal_naive"]) == 1
    assert "mstl: not measured: why" in capsys.readouterr().out


def test_every_row_of_the_table_has_its_own_name_and_bound() -> None:
    sheet = Sheet(tuple(bench_forecast._targets()))
    assert len({target.key for target in sheet.targets}) == len(sheet.targets)
    bound = {target.key: target.bound for target in sheet.targets if target.sign}
    assert (bound["sg_cooling_kwth_mase"], bound["etth1_hufl_wql_stretch"]) == (0.66, 0.2090)
    assert (bound["train_cpu_s"], bound["peak_mb"], bound["biohpc_fleet_w_coverage_off"]) == (90, 500, 0.04)


def test_without_data_nothing_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_forecast, "FOLDER", tmp_path / "forecast")
    assert bench_forecast.main() == 0
    assert "nothing measured" in capsys.readouterr().out


def test_a_series_fills_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "sg_chiller_kw.csv.gz", load(50))
    figures = {"mase": 0.5, "wql": 0.05, "coverage80": 0.76, "daily_pinball": [1.0, 2.0]}
    rows = [
        {"series": "s", "model": "ours"}
        | figures
        | forecast_run.against({**figures}, {**figures, "model": "mstl"}),
        {"series": "s", "model": "mstl"} | figures | {"mase": 0.7},
        {"series": "s", "model": "lightgbm", "error": "not installed"},
    ]
    monkeypatch.setattr(bench_forecast, "FOLDER", tmp_path)
    monkeypatch.setattr(bench_forecast, "measure", lambda *_: rows)
    sheet = Sheet(tuple(bench_forecast._targets()))
    with sheet.part("sg_chiller_kw"):
        bench_forecast.series(sheet, "sg_chiller_kw")
    with sheet.part("etth1_hufl"):
        bench_forecast.series(sheet, "etth1_hufl")
    flat = sheet.flat()
    assert (flat["sg_chiller_kw_mase_met"], flat["sg_chiller_kw_wql_stretch_met"]) == (True, True)
    assert flat["sg_chiller_kw_mase_baseline"] == 0.7
    assert flat["sg_chiller_kw_coverage_off_met"] is True
    assert "0.669" in str(flat["sg_chiller_kw_recorded_neuralforecast NHITS"])
    assert flat["etth1_hufl_wql_not_measured"] == "ETTh1.csv.gz is not beside this checkout"
