INSERT INTO calibration (
    site_id, created_at, period_from, period_to, parameters, unidentified, errors, envelope
)
VALUES (
    %(site)s, %(created_at)s, %(period_from)s, %(period_to)s,
    %(parameters)s, %(unidentified)s, %(errors)s, %(envelope)s
)
RETURNING calibration_id
