-- The newest forecast of every model for one target, one row per step.
WITH newest AS (
    SELECT
        f.model,
        max(f.issued_at) AS issued_at
    FROM forecast AS f
    WHERE f.site_id = %(site)s AND f.target = %(target)s
    GROUP BY f.model
)

SELECT
    f.model,
    f.issued_at,
    f.valid_at,
    f.step_s,
    f.q05,
    f.q10,
    f.q25,
    f.q50,
    f.q75,
    f.q90,
    f.q95,
    f.model_version_id
FROM forecast AS f
INNER JOIN newest AS n ON f.model = n.model AND f.issued_at = n.issued_at
WHERE f.site_id = %(site)s AND f.target = %(target)s
ORDER BY f.model, f.valid_at
