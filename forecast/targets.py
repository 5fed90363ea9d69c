"""What is forecast for a site, and from which meters."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from core.errors import InputError
from forecast.protocol import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.site import Refs, Site

STEP: Final = timedelta(minutes=15)
HORIZON: Final = timedelta(hours=24)

TARGETS: Final[dict[str, Callable[[Site], Refs]]] = {
    "it_power": lambda site: site.meters.it,
    "cooling_power": lambda site: site.meters.cooling,
}
"""By name, the points that add up to it."""


def refs_of(site: Site, target: str) -> Refs:
    """The points that add up to a target; empty where the site does not meter it.

    Raises:
        InputError: there is no such target.
    """
    try:
        return TARGETS[target](site)
    except KeyError:
        raise InputError(
            "forecast target", found=repr(target), allowed=", ".join(TARGETS), do="use one of these names"
        ) from None


def metered(site: Site) -> tuple[str, ...]:
    """The targets that the site meters."""
    return tuple(target for target, refs in TARGETS.items() if refs(site))


def task_for(site: Site, target: str) -> Task:
    """The grid on which a site's target is forecast."""
    return Task(target, round(STEP.total_seconds()), round(HORIZON / STEP), site.site.timezone)
