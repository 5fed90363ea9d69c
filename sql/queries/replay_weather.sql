-- Weather forecasts as they were issued in a period, each as arrays, with when they were known.
SELECT
    w.issued_at,
    max(w.available_at) AS available_at,
    array_agg(w.valid_at ORDER BY w.valid_at) AS valid_at,
    array_agg(w.dry_bulb_c ORDER BY w.valid_at) AS dry_bulb_c,
    array_agg(w.wet_bulb_c ORDER BY w.valid_at) AS wet_bulb_c
FROM weather_forecast AS w
WHERE w.site_id = %(site)s AND w.issued_at >= %(start)s AND w.issued_at < %(end)s
GROUP BY w.issued_at
ORDER BY w.issued_at
