"""What data say of a plant: multipliers by least squares, a residual on top, coefficients that drift."""
