"""Drivers: how a setpoint is written, given back and read, by protocol."""
