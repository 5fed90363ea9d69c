"""The world -> readings: MQTT, files and NVML in, rows of `reading` out; and commands back to the plant."""
