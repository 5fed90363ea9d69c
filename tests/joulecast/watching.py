"""What the tests of processes have in common: wait for something, and look for what was left behind."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

WAIT_S = 40.0


def until(happened: Any, wait_s: float = WAIT_S) -> bool:
    """Wait until `happened()` is true; False when that takes too long."""
    deadline = time.monotonic() + wait_s
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def text_of(path: Path) -> str:
    """What is in a file; nothing where there is none yet."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def working_in(folder: Path) -> list[str]:
    """Command lines of all processes that name this folder."""
    lines = (text_of(path).replace("\0", " ") for path in Path("/proc").glob("[0-9]*/cmdline"))
    return [line for line in lines if str(folder) in line]
