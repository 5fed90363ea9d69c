"""The charts of the pages: pure functions from numbers to figures, one file a page."""
