"""``python -m ingest``: the service that subscribes, writes and commands."""

from __future__ import annotations

import sys

from core.service import serve
from ingest.jobs import JOBS
from ingest.worker import run

if __name__ == "__main__":
    sys.exit(serve("ingest", JOBS, run))
