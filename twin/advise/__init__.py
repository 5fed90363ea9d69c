"""What to change at the plant, what that is worth, whether it is safe, and whether it was right."""
