"""The Chromium that browser tests and benchmarks drive."""

from __future__ import annotations

import shutil

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
MISSING = "no Chromium on this machine (Debian: apt install chromium)"


def program() -> str | None:
    """Where it is, if it is installed."""
    return shutil.which("chromium") or shutil.which("google-chrome")
