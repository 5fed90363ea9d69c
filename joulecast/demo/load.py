"""The demo plant's IT load: servers with a daily and a weekly rhythm, and GPU nodes that run jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from joulecast.demo.weather import DAY_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.series import Floats

GPU_NODES: Final = 16
GPU_IDLE_KW: Final = 1.4
GPU_PEAK_KW: Final = 9.6
SERVERS_BASE_KW: Final = 400.0
SERVERS_DAY_KW: Final = 55.0
SERVERS_WEEKEND_KW: Final = 45.0
JOB_S: Final = 4 * 3600.0
"""Length of a slot in which a GPU node runs one job or none [s]."""
BUSY_CHANCE: Final = 0.45
BUSY_CHANCE_BY_DAY: Final = 0.3
"""Added to the chance at the busiest hour."""
BOOKED_AHEAD_S: Final = 72 * 3600.0
"""Jobs are booked up to so long before they start, some at the last moment [s]."""
HOUR_S: Final = 3600.0
THURSDAY: Final = 3
"""The epoch's day of the week, Monday being 0."""
SATURDAY: Final = 5
BUSIEST_HOUR: Final = 15.0


def _hash(node: Floats, slot: Floats) -> Floats:
    """A number in [0, 1) from two integers, always the same one."""
    mixed = np.sin(node * 127.1 + slot * 311.7) * 43758.5453
    return np.asarray(mixed - np.floor(mixed))


def day_shape(time_s: Floats) -> Floats:
    """The daily rhythm, -1 to 1."""
    return np.cos(2 * np.pi * (time_s / DAY_S - BUSIEST_HOUR / 24.0))


def gpu_utilisation(time_s: Floats) -> Floats:
    """Utilisation of every GPU node.

    Args:
        time_s: (n,) POSIX times [s].

    Returns:
        (16, n) utilisation [1].
    """
    node = np.arange(GPU_NODES, dtype=np.float64)[:, None]
    slot = _slot(node, time_s)
    busy, level = _jobs(node, slot)
    ripple = 0.03 * np.sin(2 * np.pi * time_s[None, :] / 420.0 + node)
    return np.clip(np.where(busy, level + ripple, 0.01), 0.0, 1.0)


def _slot(node: Floats, time_s: Floats) -> Floats:
    """(16, n) number of the slot that a node is in; nodes change slots one after the other."""
    return np.asarray(np.floor((time_s[None, :] + node * JOB_S / GPU_NODES) / JOB_S))


def _jobs(node: Floats, slot: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Whether a node runs a job in a slot, and at which utilisation [1]."""
    chance = BUSY_CHANCE + BUSY_CHANCE_BY_DAY * day_shape(slot * JOB_S)
    return _hash(node, slot) < chance, 0.75 + 0.25 * _hash(node + 31.0, slot)


def booked_gpu_kw(known_s: float, hours_s: Floats) -> Floats:
    """Power of the GPU jobs that are booked by a time, above idling, as mean of some hours.

    Args:
        known_s: POSIX time of asking [s].
        hours_s: (n,) POSIX times at which the hours start [s].

    Returns:
        (n,) [kW].
    """
    parts = JOB_S / GPU_NODES  # all changes of slots lie on this grid
    count = round(HOUR_S / parts)
    times = (hours_s[:, None] + parts * (np.arange(count) + 0.5)).ravel()
    node = np.arange(GPU_NODES, dtype=np.float64)[:, None]
    slot = _slot(node, times)
    busy, level = _jobs(node, slot)
    starts = slot * JOB_S - node * JOB_S / GPU_NODES
    booked = busy & (starts - BOOKED_AHEAD_S * _hash(node + 77.0, slot) <= known_s)
    power = np.where(booked, gpu_power_kw(level) - GPU_IDLE_KW, 0.0).sum(axis=0)
    return np.asarray(power.reshape(-1, count).mean(axis=1), dtype=np.float64)


def gpu_power_kw(utilisation: Floats) -> Floats:
    """Power of a GPU node at a utilisation [kW]."""
    return GPU_IDLE_KW + (GPU_PEAK_KW - GPU_IDLE_KW) * utilisation**0.8


def server_power_kw(time_s: Floats) -> Floats:
    """Power of all other servers together at a 23 degC inlet [kW], (n,)."""
    weekday = (np.floor(time_s / DAY_S) + THURSDAY) % 7
    weekend = np.where(weekday >= SATURDAY, SERVERS_WEEKEND_KW, 0.0)
    ripple = 6.0 * np.sin(2 * np.pi * time_s / 5400.0) * np.sin(2 * np.pi * time_s / 41_000.0)
    slow = 12.0 * np.sin(2 * np.pi * time_s / (11.0 * DAY_S) + 0.7)
    return np.asarray(SERVERS_BASE_KW + SERVERS_DAY_KW * day_shape(time_s) - weekend + ripple + slow)
