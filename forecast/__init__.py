"""Readings -> demand to come: the forecasters, how they are trained, judged, kept and served."""
