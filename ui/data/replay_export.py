"""A replayed run as a file: CSV of its steps, or JSON of everything, in the reader's units."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any, Final

from ui import format as fmt
from ui.data import player

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from core.series import Floats
    from ui.data.player import Played, Row, Run
    from ui.data.source import Source

KINDS: Final = ("csv", "json")
_DIGITS: Final = 6
"""Significant digits of a number in a file."""


def file_of(source: Source, run: Run, kind: str) -> dict[str, Any]:
    """What the browser saves: its name and content.

    Args:
        source: the site and the reader's zone.
        run: the replay.
        kind: one of `KINDS`.
    """
    site, of = source.context.site, run.played
    make = {"csv": csv_text, "json": json_text}[kind]
    name = f"joulecast-replay-{site.id}-{of.day}.{kind}"
    return {"filename": name, "content": make(source, run), "type": f"text/{kind}"}


def _head(source: Source, of: Played) -> dict[str, str]:
    site = source.context.site
    return {
        "site": site.id,
        "day": f"{of.day} ({site.site.timezone})",
        "step": f"{of.step.total_seconds():g} s",
        "local times": source.zone.key,
        "rests on": player.badge(of),
        "lanes": "measured; twin, alternative and difference are modelled",
        "exported": f"{source.now:%Y-%m-%dT%H:%M:%SZ}",
    }


def csv_text(source: Source, run: Run) -> str:
    """The steps as RFC 4180: a block of what it is, then times in UTC and local, then a column a lane."""
    of, columns = run.played, _columns(run.played)
    text = io.StringIO()
    writer = csv.writer(text)
    for name, value in _head(source, of).items():
        writer.writerow([f"# {name}: {value}"])
    writer.writerow(["time_utc", "time_local", *(name for name, _ in columns)])
    for i, (utc, local) in enumerate(_times(of, source.zone)):
        writer.writerow([utc, local, *(_written(values[i]) for _, values in columns)])
    return text.getvalue()


def json_text(source: Source, run: Run) -> str:
    """Steps, sums, constraints and events."""
    of = run.played
    times = _times(of, source.zone)
    return json.dumps(
        {
            **_head(source, of),
            "time_utc": [utc for utc, _ in times],
            "time_local": [local for _, local in times],
            "steps": {name: [_number(v) for v in values.tolist()] for name, values in _columns(of)},
            "energies_kwh": {name: lane.energies_kwh for name, lane in run.replayed.lanes.items()},
            "difference_kwh_p10_p50_p90": run.replayed.difference_kwh,
            "indicators": run.replayed.indicators,
            "constraints": [
                {"name": c.name, "limit": c.limit, "unit": c.unit, "minutes_broken": dict(c.minutes)}
                for c in of.constraints
            ],
            "events": [
                {"at": event.at.isoformat(), "kind": event.kind, "said": player.event_text(event)}
                for event in of.events
            ],
        },
        ensure_ascii=False,
    )


def _times(of: Played, zone: ZoneInfo) -> list[tuple[str, str]]:
    return [(f"{time:%Y-%m-%dT%H:%M:%SZ}", time.astimezone(zone).isoformat()) for time in of.times]


def _columns(of: Played) -> list[tuple[str, Floats]]:
    return [
        (_title(row, lane), row.shown(values, apart=lane == "difference"))
        for row in of.rows
        for lane, values in row.lanes.items()
    ]


def _title(row: Row, lane: str) -> str:
    unit = fmt.display_unit("K") if lane == "difference" and row.unit == "degC" else row.unit_shown
    return f"{row.name}, {lane}" + (f" [{unit}]" if unit else "")


def _written(value: float) -> str:
    return f"{value:.{_DIGITS}g}" if math.isfinite(value) else ""


def _number(value: float) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
