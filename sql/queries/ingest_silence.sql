-- The newest reading of each of some points, and how long it usually is between two of its last ones.
SELECT
    p.asset_id || '/' || p.name AS ref,
    l.time,
    l.value,
    l.status,
    (
        SELECT extract(EPOCH FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY g.gap))::double precision
        FROM (
            SELECT r.time - lag(r.time) OVER (ORDER BY r.time) AS gap
            FROM (
                SELECT n.time
                FROM reading AS n
                WHERE n.point_id = p.point_id
                ORDER BY n.time DESC
                LIMIT %(readings)s
            ) AS r
        ) AS g
        WHERE g.gap IS NOT NULL
    ) AS interval_s
FROM point AS p
INNER JOIN reading_latest AS l ON p.point_id = l.point_id
WHERE p.site_id = %(site)s AND p.asset_id || '/' || p.name = any(%(refs)s)
ORDER BY ref
