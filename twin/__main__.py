"""``python -m twin``: calibration and advice as a service."""

from __future__ import annotations

import sys

from core.service import serve
from twin.jobs import JOBS

if __name__ == "__main__":
    sys.exit(serve("twin", JOBS))
