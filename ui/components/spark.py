"""A line of the past hour, as small as a word."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from dash import html

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 200, 26
"""Of the picture [px]."""
INK: Final = "#7C8791"
"""Can be told from the panel in light and in dark."""
FLAT_RATIO: Final = 0.01
"""A range of less than this share of the value is drawn as nearly level: noise is no news [1]."""
GAP_MAX: Final = 10
"""A gap of no more than so many values is bridged: a meter may speak only now and then."""
_PAD: Final = 3


def spark(values: Sequence[float | None], said: str) -> html.Img | str:
    """A line on which nothing can be read but its shape; nothing where nothing is known.

    Args:
        values: in order, at equal distances; None where not known, which leaves a gap where it is long.
        said: the same in words.
    """
    if not any(value is not None for value in values):
        return ""
    return html.Img(src=data_uri(picture(values)), alt=said, title=said, className="spark")


def data_uri(svg: str) -> str:
    """A picture within the page: no request is made for it."""
    return f"data:image/svg+xml,{quote(svg)}"


def picture(values: Sequence[float | None]) -> str:
    """The line as SVG, its last known value as a dot."""
    known = [value for value in values if value is not None]
    low, high = min(known), max(known)
    span = max(high - low, FLAT_RATIO * max(abs(low), abs(high)), 1e-9)
    middle, across = (low + high) / 2, max(len(values) - 1, 1)

    def at(index: int, value: float) -> str:
        x = _PAD + index / across * (WIDTH - 2 * _PAD)
        y = HEIGHT / 2 - (value - middle) / span * (HEIGHT - 2 * _PAD)
        return f"{x:.1f},{y:.1f}"

    runs: list[list[str]] = [[]]
    last, before = "", 0
    for index, value in enumerate(values):
        if value is not None:
            if index - before > GAP_MAX:
                runs.append([])
            last, before = at(index, value), index
            runs[-1].append(last)
    style = f'fill="none" stroke="{INK}" stroke-width="1.5" stroke-linejoin="round"'
    lines = "".join(f'<polyline points="{" ".join(run)}" {style}/>' for run in runs if len(run) > 1)
    x, _, y = last.partition(",")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">{lines}'
        f'<circle cx="{x}" cy="{y}" r="2.2" fill="{INK}"/></svg>'
    )


def plain(values: Sequence[float]) -> list[float | None]:
    """Values of a series as they are drawn: None for what is not a number."""
    return [float(value) if math.isfinite(value) else None for value in values]
