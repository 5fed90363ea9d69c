"""The application: shell and pages on one Flask server, with the headers and guards of an operator system."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dash import Dash
from werkzeug.exceptions import HTTPException

from core.errors import JoulecastError
from ui import api, bundle, pages, shell
from ui.access import guard, login
from ui.data.source import Source, open_source

if TYPE_CHECKING:
    from core.jobs import Context

log = logging.getLogger(__name__)
_SOURCE: Final = "joulecast-source"
_INDEX: Final = """<!DOCTYPE html>
<html lang="en">
    <head>
        {%metas%}
        <title>{%title%}</title>
        {%favicon%}
        {%css%}
        <link rel="preload" href="/_dash-component-suites/plotly/package_data/plotly.min.js" as="script">
    </head>
    <body>
        {%app_entry%}
        <footer>
            {%config%}
            {%scripts%}
            {%renderer%}
        </footer>
    </body>
</html>"""


def create_app(context: Context) -> Dash:
    """Build the application for one worker; its pool of connections lives as long as the process.

    Args:
        context: settings, site, clock and database.

    Returns:
        The Dash application; its WSGI callable is ``app.server``. Call `close` at the end.
    """
    source = open_source(context)
    app = Dash(
        __name__,
        assets_folder=str(Path(__file__).parent / "assets"),
        title=f"Joulecast · {context.site.site.name}",
        update_title="",
        index_string=_INDEX,
        suppress_callback_exceptions=True,
        serve_locally=True,
        enable_mcp=False,
        add_log_handler=False,
        on_error=_said,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    app.layout = lambda: shell.layout(source, pages.PAGES)
    shell.register(app, source, pages.PAGES)
    for page in pages.PAGES:
        page.register(app, source)
    bundle.register(app.server)
    api.register(app.server, source)
    login.register(app.server, source)
    guard.register(app, source)
    app.server.extensions[_SOURCE] = source
    return app


def close(app: Dash) -> None:
    """Close what `create_app` opened."""
    source: Source = app.server.extensions[_SOURCE]
    source.close()


def _said(error: Exception) -> None:
    """Log what a callback failed of; the page keeps what it shows, and the banner says that it is old."""
    if isinstance(error, HTTPException):
        raise error  # who may not is told so by the status
    if isinstance(error, JoulecastError):
        log.warning("%s", error)
    else:
        log.error("a callback failed", exc_info=error)
