"""What is forecast for a site, and from which meters."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core.errors import InputError
from core.site import RESERVED_TARGETS
from forecast.protocol import Task

if TYPE_CHECKING:
    from core.site import Refs, Site

IT_POWER, COOLING_POWER = RESERVED_TARGETS
STEP: Final = timedelta(minutes=15)
HORIZON: Final = timedelta(hours=24)
GRIDS: Final = ((STEP, HORIZON), (timedelta(hours=1), timedelta(days=7)))
"""Step and horizon of what is forecast: quarters of an hour for a day, hours for a week."""


def points(site: Site) -> dict[str, Refs]:
    """Everything that can be forecast: by name, the points that add up to it; none where it is not metered.

    IT power and cooling power are what the site's meters say; `[forecast.targets]` of `site.toml` names more.
    """
    return {IT_POWER: site.meters.it, COOLING_POWER: site.meters.cooling, **site.forecast.targets}


def refs_of(site: Site, target: str) -> Refs:
    """The points that add up to a target; empty where the site does not meter it.

    Raises:
        InputError: there is no such target.
    """
    known = points(site)
    if target not in known:
        raise InputError(
            "forecast target", found=repr(target), allowed=", ".join(known), do="use one of these names"
        )
    return known[target]


def metered(site: Site) -> tuple[str, ...]:
    """The targets that the site meters."""
    return tuple(target for target, refs in points(site).items() if refs)


def task_for(site: Site, target: str, step: timedelta = STEP) -> Task:
    """A site's target on the grid of a step.

    Raises:
        InputError: there is no grid of that step.
    """
    horizons = dict(GRIDS)
    if step not in horizons:
        raise InputError(
            "forecast step",
            found=f"{step.total_seconds():g} s",
            allowed=", ".join(f"{known.total_seconds():g} s" for known in horizons),
            do="take one of these",
        )
    return Task(target, round(step.total_seconds()), round(horizons[step] / step), site.site.timezone)


def tasks(site: Site) -> tuple[Task, ...]:
    """Everything that is forecast for a site: each metered target on each grid."""
    return tuple(task_for(site, target, step) for target in metered(site) for step, _ in GRIDS)
