-- Weather as it was forecast, with the time each version became available; of long ago, one version in 6 h.
SELECT
    d.valid_at,
    d.available_at,
    d.dry_bulb_c,
    d.wet_bulb_c
FROM (
    SELECT DISTINCT ON (w.valid_at, v.version)
        w.valid_at,
        w.available_at,
        w.dry_bulb_c,
        w.wet_bulb_c
    FROM weather_forecast AS w
    CROSS JOIN
        LATERAL (
            SELECT
                CASE
                    WHEN w.available_at > %(now)s::TIMESTAMPTZ - INTERVAL '30 days' THEN w.issued_at
                    ELSE date_bin('6 hours', w.issued_at, TIMESTAMPTZ '2000-01-01 00:00+00')
                END AS version
        ) AS v
    WHERE
        w.site_id = %(site)s
        AND w.valid_at >= %(start)s
        AND w.available_at <= %(now)s
    ORDER BY w.valid_at, v.version, w.available_at
) AS d
ORDER BY d.valid_at, d.available_at
