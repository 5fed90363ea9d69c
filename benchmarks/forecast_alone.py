"""One model of `forecast_run`; imports nothing itself, for the processes that it starts import it again."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from forecast_run import main

    sys.exit(main())
