"""The demo's gateway: its keys and its edge.toml, made anew at each start."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from core.clock import clock_spec
from ingest.edge import keys
from joulecast.demo.controller import OWN_LIMITS_C

if TYPE_CHECKING:
    from pathlib import Path

    from core.clock import Clock

FOLDER: Final = "edge"
PREFIX: Final = "plant/demo"
"""Begin of the topics of the plant's own controller."""
STEP_MAX_K: Final = 2.0
DWELL_S: Final = 600.0
PER_HOUR: Final = 6


def prepare(data_dir: Path, site: str, broker: str, version: str, clock: Clock) -> tuple[Path, Path]:
    """Write a new pair of keys and the gateway's file.

    New keys start a new count, so that the gateway's memory and the database need not be of the same age.

    Returns:
        The private key's file, for the server, and the gateway's file.
    """
    folder = data_dir.absolute() / FOLDER
    for name in (keys.PRIVATE_NAME, keys.PUBLIC_NAME):
        (folder / name).unlink(missing_ok=True)
    private, public = keys.make(folder)
    lines = [
        f"site = {json.dumps(site)}",
        'edge = "demo-gateway"',
        f"broker = {json.dumps(broker)}",
        f"mqtt_version = {json.dumps(version)}",
        f"keys = [{json.dumps(public.name)}]",
        f"clock = {json.dumps(clock_spec(clock))}",
        "",
        "[plant]",
        'kind = "mqtt"',
        f"prefix = {json.dumps(PREFIX)}",
    ]
    for point, (low, high) in OWN_LIMITS_C.items():
        lines += [
            "",
            f"[points.{json.dumps(point)}]",
            f"min = {low}",
            f"max = {high}",
            f"max_step = {STEP_MAX_K}",
            f"max_per_hour = {PER_HOUR}",
            f"dwell_s = {DWELL_S}",
        ]
    config = folder / "edge.toml"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    config.chmod(0o600)  # the broker's address may hold a password
    return private, config
