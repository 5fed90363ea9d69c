-- The time between two readings of each of some points since a moment [s], that nine in ten are within: one
-- hiccup does not count; not of those with fewer than two.
SELECT
    g.ref,
    percentile_disc(0.9) WITHIN GROUP (ORDER BY g.gap_s) AS gap_s
FROM (
    SELECT
        p.asset_id || '/' || p.name AS ref,
        extract(
            EPOCH FROM r.time - lag(r.time) OVER (PARTITION BY r.point_id ORDER BY r.time)
        )::float8 AS gap_s
    FROM reading AS r
    INNER JOIN point AS p ON r.point_id = p.point_id
    WHERE
        p.site_id = %(site)s
        AND p.asset_id || '/' || p.name = any(%(refs)s)
        AND r.time > %(after)s
) AS g
WHERE g.gap_s IS NOT NULL
GROUP BY g.ref
