"""``python -m benchmarks.forecast``: see `forecast_run`."""

from __future__ import annotations

import sys

from forecast_run import main

if __name__ == "__main__":
    sys.exit(main())
