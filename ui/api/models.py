"""What ``/api/v1`` takes and gives: these models check what comes and make the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

KINDS = Literal["measured", "modelled", "forecast", "assumed"]


class Asked(BaseModel):
    """What comes: nothing beyond what is named here."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Given(BaseModel):
    """What goes out."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Asked):
    """No parameters."""


class SeriesAsked(Asked):
    """Which series, when, in what steps."""

    points: str = Field(
        default="", max_length=2000, description="Points, asset/point, separated by commas; at most 20."
    )
    name: str = Field(
        default="",
        max_length=100,
        description="Or a sum by name: facility_power, it_power, cooling_power, or a forecast target.",
    )
    start: str = Field(
        default="", alias="from", max_length=40, description="ISO 8601; UTC without an offset. 24 h before."
    )
    end: str = Field(default="", alias="to", max_length=40, description="The same; now where it is missing.")
    step: str = Field(default="5m", pattern=r"^[1-9][0-9]{0,5}[smhd]$", description="E.g. 30s, 5m, 1h, 1d.")
    format: Literal["json", "csv"] = "json"


class ForecastsAsked(Asked):
    """Which forecast."""

    target: str = Field(
        default="it_power", max_length=100, description="it_power, cooling_power or the site's."
    )
    grid: Literal["15m", "1h"] = Field(default="15m", description="24 h in quarters, or 7 days in hours.")


class RecommendationsAsked(Asked):
    """Which recommendations."""

    state: str = Field(default="", max_length=40, description="Of these, only those in this state.")
    limit: int = Field(default=30, ge=1, le=200, description="How many of the newest are looked at.")


class AlarmsAsked(Asked):
    """Which alarms."""

    limit: int = Field(default=200, ge=1, le=1000, description="How many, the gravest first.")


class Decision(Asked):
    """Acting on the version of a recommendation that was seen."""

    version: int = Field(strict=True, ge=1, le=2**31 - 1, description="As the list gave it.")


class Reasoned(Decision):
    """The same with a reason, which goes on record."""

    reason: str = Field(min_length=1, max_length=500)


class PutOff(Decision):
    """The same with a time."""

    until: AwareDatetime = Field(description="When it comes back, at most 24 h from now.")


class Kpi(Given):
    """One figure with everything that has to stand beside it."""

    name: str
    value: float | None = Field(description="None where it would be dead; then `reason` says why.")
    unit: str
    kind: KINDS
    time: datetime | None = Field(description="When it held.")
    low: float | None = Field(default=None, description="Lower end of its 90 % interval.")
    high: float | None = Field(default=None, description="Upper end.")
    about: str | None = Field(default=None, description="What it is of, e.g. the rack.")
    reason: str | None = Field(default=None, description="Why there is no value.")


class Kpis(Given):
    """What is true now."""

    site: str
    time: datetime
    mode: str
    data_age_s: float | None
    kpis: list[Kpi]


class PointGiven(Given):
    """A point and its newest reading."""

    ref: str
    label: str
    unit: str
    role: str
    kind: Literal["measured"] = "measured"
    value: float | None
    time: datetime | None
    age_s: float | None
    status: str
    verdict: str
    problems: list[str]


class Points(Given):
    """All points."""

    site: str
    time: datetime
    points: list[PointGiven]


class Column(Given):
    """One series."""

    name: str
    unit: str
    kind: Literal["measured"] = "measured"
    values: list[float | None] = Field(description="Means over each step; null where nothing was measured.")


class SeriesGiven(Given):
    """Series over the same steps."""

    site: str
    step_s: float
    times: list[datetime] = Field(description="Starts of the steps, UTC.")
    series: list[Column]


class ForecastStep(Given):
    """Quantiles of the mean power over one step."""

    time: datetime
    q05: float
    q25: float
    q50: float
    q75: float
    q95: float


class ForecastGiven(Given):
    """The forecast that counts now."""

    site: str
    target: str
    model: str
    issued_at: datetime
    fresh: bool
    step_s: float
    unit: Literal["W"] = "W"
    kind: Literal["forecast"] = "forecast"
    steps: list[ForecastStep]


class ChangeGiven(Given):
    """A setpoint's change."""

    setpoint: str
    from_c: float
    to_c: float


class Spread(Given):
    """A figure with its interval."""

    p10: float
    p50: float
    p90: float


class RecommendationGiven(Given):
    """One recommendation."""

    id: int
    version: int
    state: str
    type: str = Field(description="change, renewal or revert.")
    authority: str
    created_at: datetime
    expires_at: datetime
    due_at: datetime | None
    objective: str
    changes: list[ChangeGiven]
    saving_kw: Spread
    kind: Literal["modelled"] = "modelled"
    prediction: dict[str, Any]
    gates: list[dict[str, Any]]
    accepted_by: list[str]
    verified_kwh: Spread | None = Field(description="Measured afterwards.")


class Recommendations(Given):
    """The newest ones."""

    site: str
    time: datetime
    recommendations: list[RecommendationGiven]


class Done(Given):
    """What became of a decision."""

    id: int
    message: str


class AlarmGiven(Given):
    """An alarm that stands."""

    id: int
    source: str
    priority: int = Field(ge=1, le=4, description="1 is the gravest.")
    message: str
    action: str = Field(description="What to do.")
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class Alarms(Given):
    """Those that stand."""

    site: str
    time: datetime
    alarms: list[AlarmGiven]


class Problem(Given):
    """What went wrong, after RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="One sentence: what was wrong and what is allowed.")
