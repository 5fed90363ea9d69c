-- The weather to come as it was last forecast, and when that was.
SELECT DISTINCT ON (w.valid_at)
    w.valid_at,
    w.issued_at,
    w.dry_bulb_c,
    w.wet_bulb_c
FROM weather_forecast AS w
WHERE
    w.site_id = %(site)s AND w.available_at <= %(now)s
    AND w.valid_at > %(start)s AND w.valid_at < %(until)s
ORDER BY w.valid_at ASC, w.issued_at DESC
