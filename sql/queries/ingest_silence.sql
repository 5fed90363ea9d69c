-- The newest reading of each of some points, and how long it usually is between two of its last ones.
WITH chosen AS (
    SELECT
        p.point_id,
        p.asset_id || '/' || p.name AS ref
    FROM point AS p
    WHERE p.site_id = %(site)s AND p.asset_id || '/' || p.name = any(%(refs)s)
),

gap AS (
    SELECT
        n.of_point AS point_id,
        n.at - lag(n.at) OVER (PARTITION BY n.of_point ORDER BY n.at) AS gap
    FROM
        newest_readings((SELECT array_agg(c.point_id) FROM chosen AS c), 'infinity', %(readings)s, 65536) AS n
)

SELECT
    c.ref,
    l.time,
    l.value,
    l.status,
    (
        SELECT extract(EPOCH FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY g.gap))::double precision
        FROM gap AS g
        WHERE g.point_id = c.point_id AND g.gap IS NOT NULL
    ) AS interval_s
FROM chosen AS c
INNER JOIN reading_latest AS l ON c.point_id = l.point_id
ORDER BY c.ref
