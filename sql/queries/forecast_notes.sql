-- A model's notes since a time, oldest first.
SELECT
    n.issued_at,
    n.note
FROM forecast_note AS n
WHERE
    n.site_id = %(site)s AND n.target = %(target)s AND n.step_s = %(step_s)s AND n.model = %(model)s
    AND n.issued_at >= %(since)s
ORDER BY n.issued_at
