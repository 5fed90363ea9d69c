"""What the operator sees: the pages on one server, nothing from elsewhere."""
