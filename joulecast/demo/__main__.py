"""``python -m joulecast.demo``: the demo plant live, as a device on the other side of the broker."""

from __future__ import annotations

import sys

from core.service import serve
from joulecast.demo.live import run

if __name__ == "__main__":
    sys.exit(serve("demo", main=run))
