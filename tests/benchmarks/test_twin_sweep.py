"""The sweep of a day does all that it says, in the memory that it may take."""

from __future__ import annotations

from twin_sweep import STEPS, sweep_day

PEAK_MB = 1000.0


def test_a_days_sweep_beside_a_loop() -> None:
    found = sweep_day()
    assert found["scenarios"] == 2000
    assert found["steps"] == STEPS == 96
    assert found["peak_mb"] < PEAK_MB
    assert found["loop_ratio"] > 1
    print(found)
