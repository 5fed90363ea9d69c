"""From which age on a point is stale: later where its readings come more seldom than most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.site import Site
    from ui.data.source import Source

STEPS: Final = 3.0
"""A point is stale when it has been silent for so many of its usual steps."""
STALE_MAX_S: Final = 900.0
"""But after this at the latest [s]: what was true so long ago is no figure of now."""
OUTDOOR_STALE_MAX_S: Final = 7200.0
"""The same of weather and grid, which are told by the hour [s]."""
READINGS: Final = 6
"""From so many readings the usual step is taken."""
GRID: Final = "carbon_intensity"
_KEEP_WALL_S: Final = 300.0


def stale_from(source: Source, ages_s: Mapping[str, float]) -> dict[str, float]:
    """The age from which points that are late are stale [s of plant time]; the others are fresh.

    Only those are asked for their pace, each once in some minutes.

    Args:
        source: the database.
        ages_s: age of the newest reading by ``asset/point`` [s of plant time].
    """
    most = {ref: _most_s(source.context.site, ref) for ref, age_s in ages_s.items() if age_s > source.late_s}
    usual: dict[str, float] = source.kept("pace", _KEEP_WALL_S, dict)
    asked = [ref for ref in most if ages_s[ref] <= most[ref] and ref not in usual]
    if asked:
        site, now = source.context.site.id, source.now
        rows = source.rows("ui_pace", site=site, refs=asked, before=now, count=READINGS)
        usual |= dict.fromkeys(asked, 0.0) | {row["ref"]: row["usual_s"] for row in rows}
    return {ref: max(source.stale_s, min(STEPS * usual.get(ref, 0.0), s)) for ref, s in most.items()}


def _most_s(site: Site, ref: str) -> float:
    asset, _, name = ref.partition("/")
    outdoors = {site.sensors.dry_bulb.asset, site.sensors.wet_bulb.asset}
    return OUTDOOR_STALE_MAX_S if name == GRID or asset in outdoors else STALE_MAX_S
