"""What the tests of processes have in common: start one, wait for something, see what was left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

WAIT_S = 40.0
COMMAND_S = 120.0


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The command, in a folder, with no settings but these."""
    return subprocess.Popen(
        [sys.executable, "-m", "joulecast", *arguments],
        env={k: v for k, v in os.environ.items() if not k.startswith("JOULECAST_")} | environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command from beginning to end."""
    with start(folder, *arguments, **environment) as process:
        try:
            out, err = process.communicate(timeout=COMMAND_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


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
