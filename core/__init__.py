"""The vocabulary every room speaks: units, points, the site, limits, KPIs, settings, time and storage."""
