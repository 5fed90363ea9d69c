"""Fixtures of the gateway's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests_of_edge import Plant, Server, gateway

if TYPE_CHECKING:
    from pathlib import Path

    from core.clock import ManualClock
    from ingest.edge.gateway import Gateway


@pytest.fixture
def server(clock: ManualClock) -> Server:
    return Server(clock)


@pytest.fixture
def plant_in_memory() -> Plant:
    return Plant()


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "memory.json"


@pytest.fixture
def edge(server: Server, plant_in_memory: Plant, memory: Path) -> Gateway:
    return gateway(server, plant_in_memory, memory)
