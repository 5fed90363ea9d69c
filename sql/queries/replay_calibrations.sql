-- Every calibration of a site up to a time, oldest first.
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
WHERE c.site_id = %(site)s AND c.created_at < %(end)s
ORDER BY c.created_at, c.calibration_id
