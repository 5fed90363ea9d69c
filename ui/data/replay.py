"""A past day through the twin, as values for the page. The work is `twin.replay`'s."""

from __future__ import annotations
