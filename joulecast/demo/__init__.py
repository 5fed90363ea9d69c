"""A plant to play with: its own weather, load and equipment, published over MQTT like a real one."""

from __future__ import annotations

from joulecast.demo import gateway
from joulecast.demo.history import prepare

__all__ = ["gateway", "prepare"]
