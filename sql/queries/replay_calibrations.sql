-- Every calibration of a site up to a time, oldest first; where there was none yet, the first one ever.
SELECT
    c.calibration_id,
    c.created_at,
    c.period_from,
    c.period_to,
    c.parameters,
    c.unidentified,
    c.errors,
    c.envelope
FROM calibration AS c
WHERE
    c.site_id = %(site)s
    AND (
        c.created_at < %(end)s
        OR c.created_at = (
            SELECT min(f.created_at)
            FROM calibration AS f
            WHERE f.site_id = %(site)s
        )
    )
ORDER BY c.created_at, c.calibration_id
