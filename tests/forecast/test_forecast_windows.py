from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from made_series import START, daily, frame

from core.errors import InputError, NotReadyError
from forecast import features, frames, windows
from forecast.frames import known_table, nothing_known
from forecast.protocol import Task
from forecast.windows import Windows, WindowSpec

if TYPE_CHECKING:
    from collections.abc import Callable

SPEC = WindowSpec(Task(), 48, ("last", "level", "day1", "day2"), ("dry_bulb_c", "wet_bulb_c"), (5.0, 5.0))
WEATHER_SIZE = sum(SPEC.feed_sizes)
INPUTS = ("encoder", "decoder", "level", "scale")


def weather(days: int, seed: int = 1) -> pd.DataFrame:
    times = pd.date_range(START, periods=24 * days, freq="h")
    dry = 10 + np.random.default_rng(seed).standard_normal(len(times)).cumsum()
    return pd.DataFrame(
        {
            "valid_at": times,
            "available_at": times + timedelta(hours=1),
            "dry_bulb_c": dry,
            "wet_bulb_c": dry - 3,
        }
    )


def cut(history: pd.DataFrame, known: pd.DataFrame, at: int, spec: WindowSpec = SPEC) -> Windows:
    prepared = frames.prepare(history, known, spec.task, spec.covariates)
    return windows.windows(prepared, np.array([at]), spec)


def same(first: Windows, second: Windows) -> bool:
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in INPUTS)


def test_the_future_changes_no_input() -> None:
    y, known, at = daily(6), weather(6), 400
    other, later = y.copy(), known.copy()
    other[at:] = np.random.default_rng(5).uniform(0, 1e6, len(y) - at)
    other[at + 10 : at + 40] = np.nan
    origin = pd.Timestamp(START) + pd.Timedelta(minutes=15) * at
    unknown_yet = later["available_at"] > origin
    later.loc[unknown_yet, ["dry_bulb_c", "wet_bulb_c"]] += 30.0
    assert same(cut(frame(y), known, at), cut(frame(other), later, at))


def test_the_past_changes_inputs() -> None:
    y, at = daily(6), 400
    other = y.copy()
    other[at - 1] += 1e5
    assert not same(cut(frame(y), weather(6), at), cut(frame(other), weather(6), at))


def test_training_and_serving_see_the_same() -> None:
    y, at = daily(6), 400
    y[395:405] = np.nan
    y[150:160] = np.nan
    assert same(cut(frame(y), weather(6), at), cut(frame(y[:at]), weather(6), at))


def test_scaling_the_series_changes_no_scaled_input() -> None:
    y, at = daily(6), 400
    one, other = cut(frame(y), weather(6), at), cut(frame(3 * y + 1e5), weather(6), at)
    for name in ("encoder", "decoder", "target"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-9)
    assert other.level == pytest.approx(3 * one.level + 1e5)
    assert other.scale == pytest.approx(3 * one.scale)


def test_a_gap_is_filled_for_input_and_masked_for_scoring() -> None:
    y, at = daily(6), 400
    y[at + 8 : at + 20] = np.nan
    y[at - 8 : at - 4] = np.nan
    window = cut(frame(y), weather(6), at)
    assert np.isfinite(window.encoder).all()
    assert np.isfinite(window.decoder).all()
    assert np.flatnonzero(~window.mask[0]).tolist() == list(range(8, 20))
    assert (window.target[~window.mask] == 0).all()
    share = window.encoder[0, :, SPEC.task.steps_per_hour]
    assert share[-2:].tolist() == [0.0, 1.0]


def test_a_gap_holds_for_an_hour_and_then_repeats_the_day_before() -> None:
    y = np.arange(200.0)
    observed = np.ones(200, dtype=bool)
    observed[120:130] = False
    filled = features.fill(y, observed, 900)
    assert filled[120:124].tolist() == [119.0] * 4
    assert filled[124:130].tolist() == y[28:34].tolist()
    assert filled[observed].tolist() == y[observed].tolist()


def test_steps_before_the_first_measured_one_take_its_value() -> None:
    filled = features.fill(np.array([np.nan, np.nan, 7.0, 8.0]), np.array([False, False, True, True]), 3600)
    assert filled.tolist() == [7, 7, 7, 8]


@pytest.mark.parametrize("step_s", [900, 3600])
def test_candidates_by_hand(step_s: int) -> None:
    day = 86_400 // step_s
    y = np.arange(15.0 * day)[None]
    lead = np.arange(day)
    assert features.candidate_values(y, day, step_s, "day1")[0].tolist() == (14 * day + lead).tolist()
    assert features.candidate_values(y, day, step_s, "week1")[0].tolist() == (8 * day + lead).tolist()
    mean = features.candidate_values(y, day, step_s, "mean3d")[0]
    assert mean.tolist() == (13 * day + lead).tolist()
    level = features.candidate_values(y, day, step_s, "level")[0]
    assert level == pytest.approx(np.full(day, y[0, 14 * day :].mean()))


def test_a_candidate_moves_to_the_present_level() -> None:
    day = np.arange(24.0)
    past = np.concatenate((day, day, day + 50))[None]
    moved = features.candidate_values(np.append(past, past[:, -24:-20] + 7, axis=1), 24, 3600, "day1_now")[0]
    assert moved == pytest.approx(np.append(day[4:] + 57, day[:4] + 64))
    week = np.concatenate([day] * 9 + [day + 50])[None]
    assert features.candidate_values(week, 24, 3600, "mean7d_now")[0] == pytest.approx(day + 50 * 8 / 7)


def test_made_up_shifts_move_what_was_before_them_and_nothing_else() -> None:
    past = np.tile(np.array([1.0, 3.0]), (2, 4))
    shifted = windows.Shifts(np.array([3, 0]), np.array([2.0, 0.0])).apply(past)
    assert (shifted - past).tolist() == [[2.0] * 5 + [0.0] * 3, [0.0] * 8]


def test_beyond_a_day_yesterday_is_still_the_last_day_known() -> None:
    week = features.candidate_values(np.arange(168.0)[None], 72, 3600, "day1")[0]
    assert week.tolist() == np.tile(np.arange(144.0, 168.0), 3).tolist()


def test_the_calendar_follows_the_wall_clock() -> None:
    # 2026-03-29, 01:00 UTC: Amsterdam goes from 02:00 to 03:00
    times = np.array([int(pd.Timestamp(t).timestamp()) for t in ("2026-03-28T05:00Z", "2026-03-29T04:00Z")])
    local = frames.calendar(times, "Europe/Amsterdam")
    assert local[0, :2] == pytest.approx(local[1, :2])  # both 06:00 there
    assert local[:, 4].tolist() == [1.0, 1.0]  # Saturday and Sunday


def test_of_several_forecasts_the_newest_that_was_available_counts() -> None:
    hour = pd.Timestamp("2026-01-10T12:00Z")
    known = pd.DataFrame(
        {
            "valid_at": [hour, hour, hour],
            "available_at": [hour - pd.Timedelta(hours=h) for h in (12, 6, -1)],
            "dry_bulb_c": [1.0, 2.0, 3.0],
        }
    )
    table = known_table(known, ("dry_bulb_c",))
    assert table is not None
    at = int(hour.timestamp())
    asked = np.array([at - 13 * 3600, at - 12 * 3600, at - 7 * 3600, at, at + 3600])
    found = table.at(np.full(5, at + 900), asked)[:, 0]
    np.testing.assert_equal(found, [np.nan, 1.0, 1.0, 2.0, 3.0])
    assert np.isnan(table.at(np.array([at + 3600]), np.array([at + 9000]))).all()


def test_weather_that_is_not_known_is_zero_and_flagged() -> None:
    window = cut(frame(daily(6)), nothing_known(), 400)
    assert (window.decoder[..., -WEATHER_SIZE:] == 0).all()
    with_weather = cut(frame(daily(6)), weather(6).drop(columns="available_at"), 400)
    assert (with_weather.decoder[..., -1] == 1).all()
    assert with_weather.decoder[..., -WEATHER_SIZE:-1].std() > 0


def test_a_feed_that_ends_early_takes_no_other_with_it() -> None:
    covariates, scales = ("dry_bulb_c", "wet_bulb_c", "booked_gpu_kw"), (5.0, 5.0, 20.0)
    spec = replace(SPEC, covariates=covariates, covariate_scales=scales)
    known = weather(6).drop(columns="available_at")
    known["booked_gpu_kw"] = 100.0 + 40.0 * np.arange(len(known))
    known.loc[known["valid_at"] >= pd.Timestamp(START) + pd.Timedelta(hours=106), "booked_gpu_kw"] = np.nan
    prepared = frames.prepare(frame(daily(6)), known, spec.task, covariates)
    at = np.array([400])  # 100 h
    window = windows.windows(prepared, at, spec)
    *_, known_weather, from_mean, from_day, booked = np.moveaxis(window.decoder[0], 1, 0)
    assert (known_weather == 1).all()
    assert booked.tolist() == [1.0] * 24 + [0.0] * 72
    assert from_day[:24] == pytest.approx(24 * 40.0 / 20.0)
    assert (from_mean[24:] == 0).all()
    assert windows.feeds_known(prepared, at, spec) == pytest.approx([1.0, 0.25])
    assert windows.feeds(covariates) == (("dry_bulb_c", "wet_bulb_c"), ("booked_gpu_kw",))


def test_weather_is_relative() -> None:
    known = weather(6).drop(columns="available_at")
    warmer = known.assign(dry_bulb_c=known["dry_bulb_c"] + 20, wet_bulb_c=known["wet_bulb_c"] + 20)
    one, other = cut(frame(daily(6)), known, 400), cut(frame(daily(6)), warmer, 400)
    assert one.decoder == pytest.approx(other.decoder, abs=1e-9)


def test_a_constant_series_is_scaled_by_something() -> None:
    window = cut(frame(np.full(600, 4e5)), nothing_known(), 400)
    for field in fields(window):
        assert np.isfinite(getattr(window, field.name)).all()


def test_origins_leave_room_for_a_whole_window() -> None:
    prepared = frames.prepare(frame(daily(6)), nothing_known(), SPEC.task)
    at = windows.origins(prepared, SPEC)
    assert at[0] == 48 * 4
    assert at[-1] + 96 == len(prepared.y)
    assert len(windows.origins(prepared, replace(SPEC, context_h=24 * 6))) == 0


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda f: f.drop(columns="observed"), "columns valid_at, y"),
        (lambda f: pd.concat([f, f.iloc[-1:]]), "a time twice"),
        (lambda f: f.drop(index=5), "uneven"),
        (lambda f: f.iloc[::2], "other steps"),
    ],
)
def test_what_is_no_history_is_refused_in_a_sentence(
    change: Callable[[pd.DataFrame], pd.DataFrame], found: str
) -> None:
    with pytest.raises(InputError, match=found):
        frames.prepare(change(frame(daily(2))), nothing_known(), Task())


def test_a_history_without_a_measured_step_is_not_ready() -> None:
    with pytest.raises(NotReadyError, match="no measured step"):
        frames.prepare(frame(np.full(96, np.nan)), nothing_known(), Task())


def test_a_step_that_does_not_divide_an_hour_is_refused() -> None:
    with pytest.raises(InputError, match="420 s"):
        Task(step_s=420)


def test_readings_at_any_times_become_means_per_step() -> None:
    times = pd.DatetimeIndex([pd.Timestamp(START) + pd.Timedelta(minutes=m) for m in (0, 5, 10, 31)])
    made = frames.regular(times, np.array([1.0, 2.0, 6.0, 9.0]), timedelta(minutes=15))
    np.testing.assert_equal(made["y"].to_numpy(), [3.0, np.nan, 9.0])
    assert made["observed"].tolist() == [True, False, True]
