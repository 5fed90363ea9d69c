"""The service: ``python -m forecast``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from core.service import serve
from forecast.jobs import JOBS, STOP

if TYPE_CHECKING:
    import threading

    from core.jobs import Context


def _until_stopped(_: Context, stop: threading.Event) -> None:
    stop.wait()
    STOP.set()


if __name__ == "__main__":
    sys.exit(serve("forecast", JOBS, _until_stopped))
