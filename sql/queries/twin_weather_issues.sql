-- Weather forecasts of the past, the newest of every six hours, with all hours that each reaches.
WITH chosen AS (
    SELECT max(w.issued_at) AS issued_at
    FROM weather_forecast AS w
    WHERE
        w.site_id = %(site)s AND w.available_at <= %(now)s
        AND w.issued_at >= %(since)s AND w.issued_at < %(now)s
    GROUP BY date_bin('6 hours', w.issued_at, 'epoch')
)

SELECT
    w.issued_at,
    w.valid_at,
    w.dry_bulb_c,
    w.wet_bulb_c
FROM weather_forecast AS w
INNER JOIN chosen AS c ON w.issued_at = c.issued_at
WHERE w.site_id = %(site)s AND w.valid_at >= w.issued_at
ORDER BY w.issued_at, w.valid_at
