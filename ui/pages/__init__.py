"""The pages, in the order of the navigation. A new page is a file here and its line in `PAGES`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ui.pages import (
    admin,
    alarms,
    audit,
    connect,
    cooling,
    energy,
    forecast,
    overview,
    quality,
    racks,
    recommendations,
    replay,
    reports,
    site,
    status,
    whatif,
)

if TYPE_CHECKING:
    from ui.page import Page

PAGES: Final[tuple[Page, ...]] = (
    overview.PAGE,
    energy.PAGE,
    cooling.PAGE,
    racks.PAGE,
    forecast.PAGE,
    recommendations.PAGE,
    whatif.PAGE,
    replay.PAGE,
    alarms.PAGE,
    reports.PAGE,
    quality.PAGE,
    connect.PAGE,
    site.PAGE,
    status.PAGE,
    audit.PAGE,
    admin.PAGE,
)
