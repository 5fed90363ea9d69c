"""Another value than the advised one, as the page offers it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from looking import acting
from plotly.utils import PlotlyJSONEncoder

from ui import modifying, view
from ui.data import advice
from ui.view import Units, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    import seed

    from ui.data import Source


@pytest.fixture(autouse=True)
def _signed_in() -> Iterator[None]:
    with acting("Ann", "operator"):
        yield


def text(component: Any) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder, ensure_ascii=False)


def test_the_slider_has_the_sites_range_on_its_track(source: Source, seeded: seed.Seeded) -> None:
    seen = {"id": seeded.proposed, "version": 1}
    (change,) = next(
        r for r in advice.recommendations(source) if r.recommendation_id == seeded.proposed
    ).changes
    bounds = source.context.site.setpoints[change.setpoint]
    found = modifying.opened(source, seen)
    assert (found["low"], found["high"]) == (bounds.low_c, bounds.high_c)
    assert found["value"] == change.to_c
    assert {mark["label"] for mark in found["marks"]} >= {"now", ""}
    assert f"{bounds.step_max_k:.1f} K in one step" in text(found["text"])
    with view.use(View(source.zone, units=Units.IP)):
        fahrenheit = modifying.opened(source, seen)
    assert fahrenheit["high"] == pytest.approx(bounds.high_c * 9 / 5 + 32)


def test_what_cannot_be_looked_at_says_why(source: Source, seeded: seed.Seeded) -> None:
    seen = {"id": seeded.proposed, "version": 1}
    assert "▲" in text(modifying.worth(source, seen, 20.5)), "the twin is not calibrated here"
    done = modifying.done(source, seen, 20.5)
    assert done["problem"].startswith("Not done: ")
    assert "opened" not in done


@pytest.mark.parametrize(
    "seen", [None, {}, {"id": "1; DROP", "version": 1}, {"id": 1}, {"id": 10**6, "version": 1}]
)
def test_what_the_browser_sends_is_not_believed(source: Source, seen: Any) -> None:
    assert modifying.opened(source, seen)["result"].startswith("There is no recommendation")
    assert modifying.done(source, seen, 20)["problem"].startswith("There is no recommendation")
    assert modifying.worth(source, seen, 20) == ""
    assert modifying.worth(source, {"id": 2, "version": 1}, "warm") == ""
