"""The periodic work of advice."""

from __future__ import annotations

from typing import Final

from core.jobs import Job
from twin.advise.engine import carry_on_all
from twin.advise.guard import guard
from twin.advise.propose import propose
from twin.advise.verify import verify

WALL_MIN_S: Final = 15.0
"""Shortest interval of wall time [s]: a quarter of an hour of a plant whose clock runs 60 times as fast."""
GUARD_S: Final = 10.0
"""How often what is in the plant is looked at [wall s]."""

ADVICE_JOBS: Final = (
    Job("twin.propose", 60.0, propose, wall_min_s=WALL_MIN_S),
    Job("twin.resume", 10.0, carry_on_all, wall_min_s=GUARD_S),
    Job("twin.guard", 10.0, guard, wall_min_s=GUARD_S),
    Job("twin.verify", 300.0, verify, wall_min_s=WALL_MIN_S),
)
"""Looked at every minute, so that a first calibration or forecast is used at once and a proposal that no
longer holds is gone at once; what stands is replaced only by something clearly better."""
