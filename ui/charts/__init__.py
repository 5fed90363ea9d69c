"""Charts of single pages, as `ui.figures` makes them: pure functions, plain dictionaries of lists."""
