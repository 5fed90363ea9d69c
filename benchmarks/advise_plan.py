"""Time and memory of one plan of 24 hours, in a process of its own; prints one JSON object.

    python benchmarks/advise_plan.py

A site of 1 MW, quarter hours, all modes, three quantiles of load and wet bulb, a chiller and a CRAH lost.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Final

from advise_loop import Knowledge, Simulation
from advise_plant import STEP, TruePlant
from common import peak_mb

from core.site import load_site
from joulecast.verbs.common import DEMO_SITE
from twin.advise import brief, policy

REPEATS: Final = 3
TICK: Final = policy.DECISION_TICKS
"""A quarter past midnight: calibrating is the night's work."""


def plan() -> dict[str, float]:
    """Processor time of the whole decision with its plan [s], and the most memory of the process [MB]."""
    site = load_site(DEMO_SITE)
    run = Simulation(TruePlant(site, 100))
    known = Knowledge(site, run)
    advised = policy.Advised(site, lambda tick: run.true.start + STEP * tick, known.twin, known.ahead)
    known.twin(0)
    durations = []
    for _ in range(REPEATS):
        begun = time.process_time()
        seen = advised.brief(TICK, run.read(), run.start)
        brief.advise(seen)
        found = seen.plan()
        durations.append(time.process_time() - begun)
    return {
        "seconds": min(durations),
        "peak_mb": peak_mb(),
        "blocks": float(len(found.blocks)),
        "steps": float(seen.situation.outlook.steps),
        "modes": float(len({(block.chillers, block.economizer) for block in found.blocks})),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(plan()) + "\n")
