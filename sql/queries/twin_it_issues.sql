-- The newest forecast of IT power by every model, and which model was chosen last.
SELECT
    f.model,
    max(f.issued_at) AS issued_at,
    (
        SELECT c.model
        FROM forecast_choice AS c
        WHERE
            c.site_id = %(site)s AND c.target = %(target)s AND c.step_s = %(step_s)s
            AND c.decided_at <= %(now)s
        ORDER BY c.decided_at DESC
        LIMIT 1
    ) AS chosen
FROM forecast AS f
WHERE
    f.site_id = %(site)s AND f.target = %(target)s AND f.step_s = %(step_s)s
    AND f.issued_at <= %(now)s AND f.issued_at >= %(since)s
GROUP BY f.model
