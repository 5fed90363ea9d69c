"""How far the twin is off, for the page. The work is `twin.validate`'s, as for the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import NotReadyError

if TYPE_CHECKING:
    from twin.validate import Validation
    from ui.data.source import Source


def validation(source: Source) -> Validation | str:
    """The calibration in use against the meters, or why that cannot be said yet."""
    from twin.validate import validate_site  # noqa: PLC0415  # the twin's libraries load when they are needed

    with source.connection() as conn:
        try:
            return validate_site(conn, source.context.site, source.now)
        except NotReadyError as reason:
            return str(reason)
