"""Tests as rows of a table: run as they are, with what they themselves counted.

A test counts by pytest's ``record_property``; the number comes here in pytest's report of the run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from common import ROOT
from sheet import NotMeasured

NOT_PASSED: Final = ("failure", "error", "skipped")
SHOWN: Final = 3
"""So many tests that did not pass are told."""
SHOWN_CHARS: Final = 120
"""So much of why."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of some tests."""

    passed: tuple[str, ...]
    others: dict[str, str]
    """What failed, and what was skipped, which shows nothing either; with why."""
    counted: dict[str, float]
    """What the tests counted, by its name."""

    @property
    def run(self) -> int:
        """How many there are."""
        return len(self.passed) + len(self.others)

    @property
    def note(self) -> str:
        """Which did not pass and why, if any."""
        told = [f"{name} ({why})" for name, why in self.others.items()]
        more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
        return f"not passed: {', '.join(told[:SHOWN])}{more}" if told else ""

    def count(self, name: str) -> float:
        """What was counted by that name.

        Raises:
            NotMeasured: the test did not come so far.
        """
        if name not in self.counted:
            raise NotMeasured(f"no test counted {name}; {self.note or 'all passed'}")
        return self.counted[name]


def check(*tests: str, **environment: str) -> Checked:
    """Run some tests in a process of their own.

    Args:
        *tests: files, folders or nodes, from the root of the checkout.
        **environment: what they are told by it.

    Raises:
        NotMeasured: there is no test to run.
    """
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", *tests, "-q", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, f"--junitxml={written}"],
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
        )
        found = read(written.read_text(encoding="utf-8")) if written.exists() else None
    if not found or not found.run:
        said = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise NotMeasured(f"no test was run: {said}")
    return found


def read(report: str) -> Checked:
    """A run's report as pytest writes it for JUnit."""
    became: dict[str, str] = {}
    counted: dict[str, float] = {}
    for case in ET.fromstring(report).iter("testcase"):  # noqa: S314  # our own pytest's
        name = f"{case.get('classname', '')}::{case.get('name', '')}".lstrip(":")
        wrong = [found for kind in NOT_PASSED for found in case.iter(kind)]
        # one that fails at its end as well stands there twice
        why = became.get(name) or "; ".join(found.get("message") or found.tag for found in wrong)
        became[name] = textwrap.shorten(why, SHOWN_CHARS, placeholder="...")
        for told in case.iter("property"):
            counted[told.get("name", "")] = float(told.get("value", "nan"))
    return Checked(
        tuple(name for name, why in became.items() if not why),
        {name: why for name, why in became.items() if why},
        counted,
    )
