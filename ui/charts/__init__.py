"""Charts of the pages: pure functions from values to plain dictionaries of lists."""
