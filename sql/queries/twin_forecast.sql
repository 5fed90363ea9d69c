-- The newest forecast of every model on a grid, step by step; a version that was put out of force since is as
-- good as it was when it was issued, until the next one comes.
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
WHERE
    f.site_id = %(site)s AND f.target = %(target)s AND f.step_s = %(step_s)s
    AND f.valid_at + make_interval(secs => f.step_s) > %(now)s AND f.valid_at < %(until)s
ORDER BY f.model, f.valid_at
