"""What the pages read: one pool of connections, named queries, frozen values. No page knows SQL."""

from ui.data.shown import Kind, Shown
from ui.data.source import Source

__all__ = ["Kind", "Shown", "Source"]
