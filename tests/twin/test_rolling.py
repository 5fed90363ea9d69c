"""The rolling fit: what it recovers, forgets, leaves at the prior, and never knows too early."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.fitting.rolling import Coefficient, Memory, Rolling, predict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.plant.curves import Floats

ROWS: Final = 24
WIDE: Final = (
    Coefficient("base", 0.0, 100.0),
    Coefficient("load", 0.0, 100.0),
    Coefficient("root", 0.0, 100.0),
)
ALL: Final = Memory()
seeds = st.integers(0, 2**32 - 1)


def drawn(
    seed: int, truth: tuple[float, ...] = (10.0, 3.0, -2.0), blocks: int = 20, noise: float = 0.5
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Blocks of rows that obey known coefficients."""
    rng = np.random.default_rng(seed)
    block = np.repeat(np.arange(blocks), ROWS)
    load = rng.uniform(0.0, 9.0, len(block))
    x = np.column_stack([np.ones(len(block)), load, np.sqrt(load)])
    return block, x, x @ np.array(truth) + rng.normal(0.0, noise, len(block))


@settings(max_examples=40, deadline=None)
@given(
    seed=seeds,
    truth=st.tuples(*[st.floats(-50, 50)] * 3),
    noise=st.floats(1e-3, 10.0),
)
def test_known_coefficients_are_recovered_within_their_covariance(
    seed: int, truth: tuple[float, ...], noise: float
) -> None:
    rolling = Rolling(WIDE, ALL)
    predict(rolling, *drawn(seed, truth, noise=noise))
    fit = rolling.fit(20)
    assert fit.unidentified == ()
    assert fit.rows == 20 * ROWS
    assert fit.noise_sd == pytest.approx(noise, rel=0.2)
    off = fit.values - np.array(truth)
    assert off @ np.linalg.solve(fit.covariance, off) < 40.0  # chi-squared of 3: less than 1e-8 of all draws


def test_the_covariance_is_as_wide_as_the_errors_are() -> None:
    sizes = []
    for seed in range(200):
        rolling = Rolling(WIDE, ALL)
        predict(rolling, *drawn(seed, blocks=3))
        fit = rolling.fit(3)
        off = fit.values - np.array([10.0, 3.0, -2.0])
        sizes.append(off @ np.linalg.solve(fit.covariance, off))
    assert np.mean(sizes) == pytest.approx(3.0, abs=0.6)  # its expectation is 3, its error here 0.17


@settings(max_examples=40, deadline=None)
@given(
    seed=seeds,
    short=st.floats(0.3, 5.0),
    long=st.floats(5.0, 50.0),
    share=st.floats(0.1, 1.0),
    window=st.integers(3, 30),
)
def test_it_is_least_squares_with_fading_weights(
    seed: int, short: float, long: float, share: float, window: int
) -> None:
    block, x, y = drawn(seed, blocks=100)
    scale = np.random.default_rng(seed).uniform(0.5, 2.0, len(y))
    wide = [Coefficient(c.name, 0.0, 1e6) for c in WIDE]
    rolling = Rolling(wide, Memory((short, long), (share, 1.0 - share), window))
    predict(rolling, block, x, y, scale)
    age = 99.0 - block
    weight = np.sqrt(share * 0.5 ** (age / short) + (1.0 - share) * 0.5 ** (age / long)) / scale
    weight[age >= window] = 0.0
    expected = np.linalg.lstsq(x * weight[:, None], y * weight, rcond=None)[0]
    assert rolling.fit(100).values == pytest.approx(expected, rel=1e-5, abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, after=st.floats(5.0, 40.0))
def test_forgetting_follows_a_drift(seed: int, after: float) -> None:
    block, x, y = drawn(seed, blocks=30)
    shifted = y + np.where(block >= 15, (after - 10.0) * x[:, 0], 0.0)
    late = block >= 25
    errors = {}
    for memory in (ALL, Memory((1.0, 20.0), (0.9, 0.1)), Memory((1.0,)), Memory(window=5)):
        predicted, _ = predict(Rolling(WIDE, memory), block, x, shifted)
        errors[memory] = np.abs(np.mean((predicted - shifted)[late]))
    assert max(errors[Memory((1.0,))], errors[Memory(window=5)]) < 0.4
    assert errors[Memory((1.0, 20.0), (0.9, 0.1))] < 0.4 + 0.7 * errors[ALL]
    assert errors[ALL] > 0.3 * abs(after - 10.0) - 0.4


def test_data_that_are_old_give_way_to_the_prior() -> None:
    prior = [Coefficient("base", 7.0, 2.0), *WIDE[1:]]
    rolling = Rolling(prior, Memory((2.0,)))
    predict(rolling, *drawn(1))
    assert rolling.fit(20).values[0] == pytest.approx(10.0, abs=1.0)
    forgotten = rolling.fit(500)
    assert forgotten.values.tolist() == [7.0, 0.0, 0.0]
    assert forgotten.unidentified == ("base", "load", "root")
    assert np.diag(forgotten.covariance) == pytest.approx([4.0, 1e4, 1e4])


@settings(max_examples=20, deadline=None)
@given(seed=seeds, mean=st.floats(-5, 5))
def test_what_the_data_do_not_show_is_named_and_stays_at_the_prior(seed: int, mean: float) -> None:
    block, x, y = drawn(seed)
    silent = Coefficient("silent", mean, 0.5)
    rolling = Rolling((*WIDE, silent), ALL)
    predict(rolling, block, np.column_stack([x, np.zeros(len(y))]), y)
    fit = rolling.fit(20)
    assert fit.unidentified == ("silent",)
    assert fit.values[3] == mean
    assert fit.covariance[3] == pytest.approx([0.0, 0.0, 0.0, 0.25])
    assert fit.values[:3] == pytest.approx([10.0, 3.0, -2.0], abs=1.0)


def test_of_two_columns_that_cannot_be_told_apart_one_stays_at_the_prior() -> None:
    block, x, y = drawn(3)
    twice = np.column_stack([x, x[:, 1]])
    rolling = Rolling((*WIDE, Coefficient("twin", 0.5, 100.0)), ALL)
    predict(rolling, block, twice, y)
    fit = rolling.fit(20)
    assert len(fit.unidentified) == 1
    assert fit.values[1] + fit.values[3] == pytest.approx(3.0, abs=0.5)
    assert fit.predict(twice) == pytest.approx(x @ np.array([10.0, 3.0, -2.0]), abs=0.5)


def test_rows_that_repeat_carry_the_information_of_one() -> None:
    block, x, y = drawn(4, blocks=2)
    once, often = Rolling(WIDE, ALL), Rolling(WIDE, ALL, correlated_rows=4.0)
    predict(once, block, x, y)
    predict(often, np.repeat(block, 4), np.repeat(x, 4, axis=0), np.repeat(y, 4))
    assert often.fit(2).values == pytest.approx(once.fit(2).values, rel=1e-9)
    assert often.fit(2).covariance == pytest.approx(once.fit(2).covariance, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, now=st.integers(1, 19))
def test_the_future_never_changes_a_prediction(seed: int, now: int) -> None:
    block, x, y = drawn(seed)
    rng, future = np.random.default_rng(seed), block >= now
    other_x, other_y = x.copy(), y.copy()
    other_x[block > now] *= rng.uniform(-5, 5)
    other_y[future] = rng.normal(0.0, 1e6, int(future.sum()))
    memory = Memory((0.5, 10.0), (0.9, 0.1))
    predicted, fits = predict(Rolling(WIDE, memory), block, x, y)
    again, others = predict(Rolling(WIDE, memory), block, other_x, other_y)
    assert np.array_equal(predicted[block <= now], again[block <= now])
    assert np.array_equal(fits[now].values, others[now].values)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, lost=st.floats(0.0, 1.0))
def test_gaps_leave_no_hole_in_the_predictions(seed: int, lost: float) -> None:
    block, x, y = drawn(seed)
    rng = np.random.default_rng(seed)
    y[rng.random(len(y)) < lost] = np.nan
    x[rng.random(len(y)) < lost / 4, 1] = np.nan
    kept = rng.random(20)[block] > lost / 2
    predicted, fits = predict(Rolling(WIDE, Memory((1.0,))), 1000 * block[kept], x[kept], y[kept])
    assert np.array_equal(np.isfinite(predicted), np.isfinite(x[kept]).all(axis=1))
    assert all(np.isfinite(fit.covariance).all() for fit in fits.values())


def test_before_any_data_the_prior_predicts() -> None:
    fit = Rolling([Coefficient("base", 7.0, 2.0)], ALL).fit(0)
    assert (fit.values.tolist(), fit.unidentified, fit.noise_sd, fit.rows) == (
        [7.0],
        ("base",),
        math.inf,
        0.0,
    )
    predicted, fits = predict(Rolling(WIDE, ALL), np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros(0))
    assert (len(predicted), fits) == (0, {})


def test_exact_data_are_no_trouble() -> None:
    for truth in ((0.0, 0.0, 0.0), (10.0, 3.0, -2.0)):
        rolling = Rolling(WIDE, ALL)
        predict(rolling, *drawn(5, truth, noise=0.0))
        assert rolling.fit(20).values == pytest.approx(truth, abs=1e-4)


def test_a_fit_for_a_past_block_knows_only_what_lay_before_it() -> None:
    rolling = Rolling(WIDE, ALL)
    _, fits = predict(rolling, *drawn(6))
    assert rolling.fit(7).values.tolist() == fits[7].values.tolist()
    assert rolling.fit(7).rows == 7 * ROWS
