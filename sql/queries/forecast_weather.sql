-- Weather as it was forecast, every version, with the time it became available.
SELECT
    w.valid_at,
    w.available_at,
    w.dry_bulb_c,
    w.wet_bulb_c
FROM weather_forecast AS w
WHERE
    w.site_id = %(site)s
    AND w.valid_at >= %(start)s
    AND w.available_at <= %(now)s
ORDER BY w.valid_at, w.available_at
