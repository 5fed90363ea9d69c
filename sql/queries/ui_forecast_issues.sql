-- The newest issue of every model on every grid, going from key to key in the index: the table may be long.
WITH RECURSIVE line AS (
    (
        SELECT
            f.target,
            f.step_s,
            f.model
        FROM forecast AS f
        WHERE f.site_id = %(site)s
        ORDER BY f.target, f.step_s, f.model
        LIMIT 1
    )
    UNION ALL
    SELECT
        n.target,
        n.step_s,
        n.model
    FROM line AS l
    CROSS JOIN LATERAL (
        SELECT
            f.target,
            f.step_s,
            f.model
        FROM forecast AS f
        WHERE f.site_id = %(site)s AND (f.target, f.step_s, f.model) > (l.target, l.step_s, l.model)
        ORDER BY f.target, f.step_s, f.model
        LIMIT 1
    ) AS n
)

SELECT
    l.target,
    l.step_s,
    l.model,
    (
        SELECT f.issued_at
        FROM forecast AS f
        WHERE f.site_id = %(site)s AND f.target = l.target AND f.step_s = l.step_s AND f.model = l.model
        ORDER BY f.issued_at DESC
        LIMIT 1
    ) AS issued_at
FROM line AS l
ORDER BY l.target, l.step_s, l.model
