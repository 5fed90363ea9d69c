"""The periodic work of advice."""

from __future__ import annotations

from typing import Final

from core.jobs import Job
from twin.advise.engine import propose
from twin.advise.verify import verify

ADVICE_PERIOD_S: Final = 900.0
"""How often the plant is looked at for advice and for what it saved [s of plant time]."""

ADVICE_JOBS: Final = (
    Job("twin.propose", ADVICE_PERIOD_S, propose),
    Job("twin.verify", ADVICE_PERIOD_S, verify),
)
