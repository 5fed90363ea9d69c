"""The chart library as this console needs it: plotly.js with cartesian charts alone, a third of the whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from flask import Response, send_file

if TYPE_CHECKING:
    from flask import Flask

PATH: Final = "/_dash-component-suites/plotly/package_data/plotly.min.js"
"""Where Dash's graphs look for it; without this module they get the 4.8 MB of the Python package."""
FILE: Final = Path(__file__).parent / "vendor" / "plotly-cartesian.min.js"
"""From npm: plotly.js-cartesian-dist-min, MIT, in the version of the Python package; a test compares."""
KEPT_S: Final = 3600
"""So long a browser need not ask for it again [s]."""


def register(server: Flask) -> None:
    """Serve it in the place of the whole library."""

    @server.get(PATH)
    def plotly() -> Response:
        return send_file(FILE, mimetype="text/javascript", conditional=True, max_age=KEPT_S)
