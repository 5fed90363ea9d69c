"""A year of daily replays with advice, beside the same year of plain replays; prints one JSON object.

    python benchmarks/advise_year.py [DAYS]

In memory: what a database adds is reading, once for all days.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from datetime import timedelta
from typing import Final

from advise_plant import HISTORY_D, STEP_S, TruePlant, history

from core.site import load_site
from joulecast.demo import plant, weather
from joulecast.verbs.common import DEMO_SITE
from twin.advised import replay_past
from twin.calibrate import calibrate
from twin.compare import compare
from twin.past import Past
from twin.scenario import day_span

PROCESSES: Final = 2
"""So many replay days at the same time."""


def year(days: int, workers: int) -> dict[str, float]:
    """Seconds and kWh of so many days."""
    site = load_site(DEMO_SITE)
    true = TruePlant(site, 10, days + 1)
    per_day = round(weather.DAY_S / STEP_S)
    steps = true.steps(-HISTORY_D * per_day, (days + 1) * per_day)
    end_s = float(true.grid_s[steps[-1]])
    commanded = plant.past_setpoints(true.grid_s[steps], end_s)
    reached = true.reached(commanded, {s: v[0] for s, v in commanded.items()})
    begin = true.start - timedelta(days=HISTORY_D)
    seen = history(begin, true.sensed(steps, true.solve(steps, reached)), commanded)
    month = seen.part(slice(0, HISTORY_D * 96))
    calibration = replace(calibrate(site, month, created_at=true.start), calibration_id=1)
    first = (true.start + timedelta(days=1)).astimezone(site.zone).date()
    last = first + timedelta(days=days - 1)

    begun = time.perf_counter()
    found = list(replay_past(Past(site, seen, [calibration]), seen, first, last, workers=workers))
    advised_s = time.perf_counter() - begun
    begun = time.perf_counter()
    for one in found:
        start, stop = day_span(site.zone, one.day)
        a, b = ((at - seen.start) // seen.step for at in (start, stop))
        compare(site, replace(seen.part(slice(a, b)), start=start), calibration, None)
    plain_s = time.perf_counter() - begun
    lanes = {name: sum(one.lanes[name].facility_kwh for one in found) for name in found[0].lanes}
    return {
        "days": float(len(found)),
        "seconds": advised_s,
        "plain_seconds": plain_s,
        "moves": float(sum(len(one.moves) for one in found)),
        **{f"{name}_kwh": kwh for name, kwh in lanes.items()},
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(year(int((sys.argv[1:] or ["365"])[0]), PROCESSES)) + "\n")
