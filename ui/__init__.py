"""What the operator sees: five pages on one server, nothing from elsewhere."""
