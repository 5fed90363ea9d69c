-- The newest forecast of every model still in use on a grid, step by step.
WITH newest AS (
    SELECT
        f.model,
        max(f.issued_at) AS issued_at
    FROM forecast AS f
    WHERE
        f.site_id = %(site)s AND f.target = %(target)s AND f.step_s = %(step_s)s
        AND f.issued_at <= %(now)s AND f.issued_at >= %(since)s
    GROUP BY f.model
)

SELECT
    f.model,
    f.issued_at,
    f.valid_at,
    f.step_s,
    f.q10,
    f.q50,
    f.q90
FROM forecast AS f
INNER JOIN newest AS n ON f.model = n.model AND f.issued_at = n.issued_at
LEFT JOIN model_version AS v ON f.model_version_id = v.model_version_id
WHERE
    f.site_id = %(site)s AND f.target = %(target)s AND f.step_s = %(step_s)s
    AND f.valid_at + make_interval(secs => f.step_s) > %(now)s AND f.valid_at < %(until)s
    AND coalesce(v.status, 'champion') = 'champion'
ORDER BY f.model, f.valid_at
