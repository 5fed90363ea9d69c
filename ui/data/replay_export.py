"""A replayed run as a file: CSV of its steps, or JSON of everything, in the reader's units."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from ui import export
from ui import format as fmt
from ui.data import player

if TYPE_CHECKING:
    from core.series import Floats
    from ui.data.player import Played, Row, Run
    from ui.data.source import Source

_DIGITS: Final = 6
"""Significant digits of a number in a file."""


def file_of(source: Source, run: Run, kind: str) -> dict[str, Any]:
    """What the browser saves: its name and content.

    Args:
        source: the site and the reader's zone.
        run: the replay.
        kind: one of `KINDS`.
    """
    name = f"joulecast-replay-{source.context.site.id}-{run.played.day}.{kind}"
    return {"filename": name, "content": _TEXTS[kind](source, run), "type": f"text/{kind}"}


def _head(source: Source, run: Run) -> export.Head:
    of, site = run.played, source.context.site
    return export.Head(
        title=f"Replay of {of.day} ({site.site.timezone}); {player.badge(of)}",
        site=site.id,
        zone=source.zone,
        boundary=f"meters of site.toml, PUE category {site.meters.category}; all but measured is modelled",
        start=of.start,
        end=of.start + of.step * of.count,
        made_at=source.now,
        complete_ratio=run.replayed.complete_ratio,
        query=export.query(),
    )


def csv_text(source: Source, run: Run) -> str:
    """The steps: what it is of, then times in UTC and local, then a column a lane."""
    columns = _columns(run.played)
    rows = ([time, *(_number(values[i]) for _, values in columns)] for i, time in enumerate(run.played.times))
    return export.csv_text(_head(source, run), ["time", *(name for name, _ in columns)], rows)


def json_text(source: Source, run: Run) -> str:
    """Steps, sums, constraints and events."""
    of = run.played
    return json.dumps(
        {
            "head": dict(_head(source, run).pairs()),
            "time_utc": [export.utc(time) for time in of.times],
            "time_local": [export.local(time, source.zone) for time in of.times],
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


_TEXTS: Final = {"csv": csv_text, "json": json_text}
KINDS: Final = tuple(_TEXTS)


def _columns(of: Played) -> list[tuple[str, Floats]]:
    return [
        (_title(row, lane), row.shown(values, apart=lane == "difference"))
        for row in of.rows
        for lane, values in row.lanes.items()
    ]


def _title(row: Row, lane: str) -> str:
    unit = fmt.display_unit("K") if lane == "difference" and row.unit == "degC" else row.unit_shown
    return f"{row.name}, {lane}" + (f" [{unit}]" if unit else "")


def _number(value: float) -> float | None:
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
