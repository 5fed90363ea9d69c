"""What is wrong with readings, found before a calibration learns from them."""
