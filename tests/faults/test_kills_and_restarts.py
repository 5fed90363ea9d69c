"""Kills and restarts of everything while 100,000 readings come in: none is lost, none is there twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kills import READINGS, stream_through_faults

if TYPE_CHECKING:
    from pathlib import Path

    from joulecast import embedded


def test_none_is_lost_and_none_is_there_twice(
    database: embedded.Postgres, mosquitto: embedded.Broker, site_file: Path
) -> None:
    found = stream_through_faults(database, mosquitto, site_file)
    assert found.in_time >= found.faults - 2, "the faults came too late to mean anything"
    assert found.acknowledged == READINGS
    assert (found.lost, found.twice, found.rejected) == (0, 0, 0)
