"""Months of daily forecasts by the parts that the service uses: what breaks, what is told, what recovers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

import made_demo
import numpy as np
import pandas as pd
import pytest
from made_demo import ZONE

from forecast import backtest, conformal, ensemble, issuing, members, metrics, quality
from forecast.models.lstm import LstmForecaster
from forecast.models.lstm_config import LstmConfig
from forecast.models.seasonal_naive import SeasonalNaive
from forecast.models.statistical import Mstl
from forecast.protocol import Task

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.series import Floats
    from forecast.conformal import Conformal
    from forecast.quality import Quality

DAY: Final = timedelta(days=1)
SPANS: Final = {
    "it_power": (datetime(2025, 10, 13, tzinfo=ZONE), made_demo.END),
    "cooling_power": (datetime(2025, 11, 3, tzinfo=ZONE), datetime(2025, 11, 30, tzinfo=ZONE)),
}
"""Midnights with a forecast: of the IT power over both changes of the clocks, of cooling over the shift."""
TRAINED_EVERY: Final = timedelta(days=56)
"""Seldomer than the service does it: no training falls in the time in which forecasts have to recover."""
READ: Final = timedelta(days=36)
"""History handed to a forecast: less than the service reads, so that MSTL takes less time."""
EVENTS: Final = {
    "shift": (made_demo.SHIFTED_AT, made_demo.SHIFTED_AT),
    "outage": made_demo.OUTAGE,
}
BEFORE, RECOVERED, AFTER = timedelta(days=14), timedelta(days=3), timedelta(days=10)
MARGINS: Final = {ensemble.NAME: 0.15, LstmForecaster.name: 0.4}
"""How much more of the seasonal naive's loss days 3 to 10 after an event may cost than two weeks before [1].

A week scatters by a tenth. The small network alone clings to the old level until there is a week of the new.
"""


@dataclass(slots=True)
class Issue:
    """One midnight."""

    at: int
    """Position of the origin in the history."""
    quality: Quality
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    chosen: tuple[str, ...] = ()


def quick(task: Task) -> LstmConfig:
    """Trained in a second or two."""
    config = LstmConfig.for_history(task.step, task.horizon, 8760)
    return replace(config, context_h=72, max_steps=200, batch=64)


def midnights(target: str) -> list[datetime]:
    """By the clocks on the wall."""
    first, end = SPANS[target]
    return [first + DAY * i for i in range((end - first).days)]


def mstl_is_fitted(origin: datetime) -> bool:
    """It takes long: around the events and the changes of the clocks only."""
    return any(a - BEFORE - DAY <= origin <= b + AFTER for a, b in EVENTS.values()) or any(
        abs(origin - clock) <= DAY for clock in made_demo.CLOCKS
    )


@dataclass(slots=True)
class Service:
    """What the jobs do in a day, without a database."""

    target: str
    issues: list[Issue] = field(default_factory=list)
    state: Conformal | None = None
    model: LstmForecaster | None = None

    @property
    def task(self) -> Task:
        """A day by the hour."""
        return Task(self.target, 3600, 24, str(ZONE))

    @property
    def history(self) -> pd.DataFrame:
        """All of it; nobody is handed what lies ahead."""
        return made_demo.demo().histories[self.target]

    def day(self, origin: datetime) -> None:
        """Score what came true, train if it is Monday, issue."""
        at = int(self.history["valid_at"].searchsorted(pd.Timestamp(origin)))
        self.track(at, origin)
        known = made_demo.demo().known
        known = known.iloc[: int(known["available_at"].searchsorted(pd.Timestamp(origin), side="right"))]
        if (origin - SPANS[self.target][0]) % TRAINED_EVERY == timedelta():
            self.train(self.history.iloc[max(at - 8760, 0) : at], known)
        past = self.history.iloc[at - int(READ / self.task.step) : at]
        issue = Issue(at, quality.judge(past, self.task))
        if issue.quality.state != "stale":  # the service issues nothing then
            self.issue(issue, past, known, origin)
        self.issues.append(issue)

    def train(self, history: pd.DataFrame, known: pd.DataFrame) -> None:
        """Anew, on the last year; a week of it tells how large errors are."""
        self.model = LstmForecaster(self.task, quick(self.task))
        self.model.fit(history, known)
        week = [len(history) - 24 * i for i in range(7, 0, -1)]
        rolled = backtest.rolling(self.model, history, known, week)
        self.state = conformal.start(rolled["y"].to_numpy(), backtest.quantile_array(rolled))

    def issue(self, issue: Issue, past: pd.DataFrame, known: pd.DataFrame, origin: datetime) -> None:
        """Every member's forecast and the ensemble's."""
        assert self.model is not None
        assert self.state is not None
        others = [make(self.task) for make in members.UNTRAINED.values()]
        able = [m for m in (self.model, *others) if m.name != Mstl.name or mstl_is_fitted(origin)]
        issue.frames = {model.name: model.predict(past, known) for model in able}
        good = issue.quality.state == "good"
        names = tuple(issue.frames)
        issue.chosen = (
            issuing.weigh(self.losses(issue.at), {}, names)
            if good
            else (next(name for name in members.STAND_INS if name in names),)
        )
        made = ensemble.combine([issue.frames[name] for name in issue.chosen])
        if good:
            made[quantile_names(made)] = self.state.apply(backtest.quantile_array(made))
        issue.frames[ensemble.NAME] = made

    def losses(self, end: int) -> dict[str, float]:
        """Of the last 14 days, each over the seasonal naive's on the same forecasts, by what is known yet."""
        recent = [issue for issue in self.issues if issue.frames and issue.at >= end - 14 * 24]
        names = {name for issue in recent for name in issue.frames}
        return {name: skill(self, [i for i in recent if name in i.frames], name, end) for name in names}

    def track(self, end: int, now: datetime) -> None:
        """Let the intervals follow yesterday's truth."""
        last = self.issues[-1] if self.issues else None
        if last is None or self.state is None or ensemble.NAME not in last.frames:
            return
        truth, quantiles = scored(self, last, ensemble.NAME, end)
        if len(truth):
            below = tuple(float(share) for share in metrics.at_or_below(truth, quantiles))
            self.state = self.state.track(below, len(truth) / 24, now)


def quantile_names(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if name.startswith("q")]


def scored(run: Service, issue: Issue, name: str, end: int | None = None) -> tuple[Floats, Floats]:
    """The measured truth before a position, and what was said of it."""
    upto = len(run.history) if end is None else end
    rows = run.history.iloc[issue.at : min(issue.at + 24, upto)]
    seen = rows["observed"].to_numpy()
    return rows["y"].to_numpy()[seen], backtest.quantile_array(issue.frames[name])[: len(rows)][seen]


def skill(run: Service, issues: Iterable[Issue], name: str, end: int | None = None) -> float:
    """Pinball loss over the seasonal naive's [1]."""

    def loss(model: str) -> float:
        parts = [scored(run, issue, model, end) for issue in issues]
        truth, quantiles = (np.concatenate(part) for part in zip(*parts, strict=True))
        return float(metrics.pinball(truth, quantiles).mean())

    issues = list(issues)
    return loss(name) / loss(SeasonalNaive.name)


@cache
def served(target: str) -> Service:
    """Half a year of midnights."""
    run = Service(target)
    for origin in midnights(target):
        run.day(origin)
    return run


def between(run: Service, start: datetime, end: datetime) -> list[Issue]:
    """Forecasts whose whole day lies in a time."""
    at = zip(midnights(run.target), run.issues, strict=True)
    return [issue for origin, issue in at if start <= origin <= end - DAY and issue.frames]


@pytest.mark.parametrize("target", SPANS)
def test_every_forecast_is_whole_and_in_order(target: str) -> None:
    run = served(target)
    for origin, issue in zip(midnights(target), run.issues, strict=True):
        assert bool(issue.frames) == (issue.quality.state != "stale")
        for name, frame in issue.frames.items():
            quantiles = backtest.quantile_array(frame)
            assert quantiles.shape == (24, 7), (name, origin)
            assert np.isfinite(quantiles).all(), (name, origin)
            assert (np.diff(quantiles, axis=1) >= 0).all(), (name, origin)
            assert (frame["issued_at"] == pd.Timestamp(origin)).all()


@pytest.mark.parametrize(("clock", "hours"), list(zip(made_demo.CLOCKS, (25, 23), strict=True)))
def test_a_change_of_the_clocks_is_a_day_like_others(clock: datetime, hours: int) -> None:
    run = served("it_power")
    today = midnights("it_power").index(clock)
    assert run.issues[today + 1].at - run.issues[today].at == hours
    assert set(run.issues[today].frames) == {LstmForecaster.name, *members.UNTRAINED, ensemble.NAME}
    for name in MARGINS:
        assert skill(run, between(run, clock, clock + 6 * DAY), name) < 0.9


def test_the_outage_is_marked_and_never_scored() -> None:
    run, (start, end) = served("it_power"), made_demo.OUTAGE
    gap = run.history["valid_at"].between(pd.Timestamp(start), pd.Timestamp(end), inclusive="left")
    assert gap.sum() == 48
    assert (run.history["observed"] == ~gap).all()
    days = dict(zip(midnights(run.target), run.issues, strict=True))
    told = [days[start.replace(hour=0) + DAY * i] for i in range(5)]
    assert [issue.quality.state for issue in told] == ["good", "stale", "stale", "incomplete", "good"]
    assert told[1].quality.reason == told[2].quality.reason == "no readings"
    assert told[1].quality.since == told[2].quality.since == start
    assert told[3].quality.reason == "42% of the last 24 h were measured"
    assert told[3].chosen == (Mstl.name,)
    assert not told[1].frames
    assert {i.quality.state for origin, i in days.items() if not start < origin < end + DAY} == {"good"}
    truth, quantiles = scored(run, told[0], ensemble.NAME)
    assert (len(truth), len(quantiles)) == (14, 14)
    assert np.isfinite(truth).all()


@pytest.mark.parametrize("model", MARGINS)
@pytest.mark.parametrize(
    ("target", "event"), [("it_power", "shift"), ("it_power", "outage"), ("cooling_power", "shift")]
)
def test_skill_is_back_three_days_after(target: str, event: str, model: str) -> None:
    run, (start, end) = served(target), EVENTS[event]
    before = skill(run, between(run, start - BEFORE - DAY, start), model)
    after = skill(run, between(run, end + RECOVERED, end + AFTER + DAY), model)
    assert before < 0.9, "it is better than the seasonal naive at first"
    assert after < min(before + MARGINS[model], 1.0)


def test_intervals_cover_what_they_say() -> None:
    run = served("it_power")
    pairs = [scored(run, issue, ensemble.NAME) for issue in run.issues if issue.frames]
    truth, quantiles = (np.concatenate(part) for part in zip(*pairs, strict=True))
    inside = metrics.coverage(truth, quantiles[:, metrics.LOW_80], quantiles[:, metrics.HIGH_80])
    assert inside == pytest.approx(0.8, abs=0.06)
