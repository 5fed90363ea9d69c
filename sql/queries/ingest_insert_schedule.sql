-- What is known ahead of some hours; what only says again what was known last is left out.
INSERT INTO schedule (site_id, kind, valid_at, available_at, value)
SELECT
    %(site)s,
    %(kind)s,
    n.valid_at,
    %(now)s,
    n.value
FROM unnest(%(valid)s::TIMESTAMPTZ[], %(value)s::DOUBLE PRECISION[]) AS n (valid_at, value)
WHERE
    n.value IS DISTINCT FROM (
        SELECT s.value
        FROM schedule AS s
        WHERE
            s.site_id = %(site)s AND s.kind = %(kind)s
            AND s.valid_at = n.valid_at AND s.available_at <= %(now)s
        ORDER BY s.available_at DESC
        LIMIT 1
    )
ON CONFLICT (site_id, kind, valid_at, available_at) DO NOTHING
