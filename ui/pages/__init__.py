"""The pages, in the order of the navigation. A new page is a file here and its line in `PAGES`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ui.pages import forecast, live, recommendations, replay, site, status, whatif

if TYPE_CHECKING:
    from ui.page import Page

PAGES: Final[tuple[Page, ...]] = (
    live.PAGE,
    forecast.PAGE,
    recommendations.PAGE,
    whatif.PAGE,
    replay.PAGE,
    site.PAGE,
    status.PAGE,
)
