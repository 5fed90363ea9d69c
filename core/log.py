"""Logging: one line per event on standard error, UTC, the service's name in front."""

from __future__ import annotations

import logging
import sys
import time


def configure(service: str, level: str = "INFO") -> logging.Logger:
    """Send the process's log to standard error and return the service's own logger."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(
        f"%(asctime)sZ %(levelname)-7s {service} %(name)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("apscheduler", "werkzeug"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return logging.getLogger(service)
