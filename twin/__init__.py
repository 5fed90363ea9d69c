"""Demand, weather and setpoints to power, temperature and water; and what to do about it."""
