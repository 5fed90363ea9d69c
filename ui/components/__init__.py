"""Parts that pages are made of. Each is a function from values to Dash components."""
