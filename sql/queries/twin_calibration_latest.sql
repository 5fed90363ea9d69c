-- The newest calibration of a site.
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
WHERE c.site_id = %(site)s
ORDER BY c.created_at DESC, c.calibration_id DESC
LIMIT 1
