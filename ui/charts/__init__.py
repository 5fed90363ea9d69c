"""Charts of the pages, one file each: pure functions from values to figures."""
