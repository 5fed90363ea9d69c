-- In what steps the newest readings of some points have come [s]: the median of the last few; not of points
-- with fewer than three.
WITH wanted AS (
    SELECT
        p.point_id,
        p.asset_id || '/' || p.name AS ref
    FROM point AS p
    WHERE p.site_id = %(site)s AND p.asset_id || '/' || p.name = any(%(refs)s)
),

newest AS (
    SELECT
        n.of_point AS point_id,
        n.at - lag(n.at) OVER (PARTITION BY n.of_point ORDER BY n.at) AS step
    FROM
        newest_readings(
            (SELECT array_agg(w.point_id) FROM wanted AS w), %(before)s, %(count)s, 65536
        ) AS n
)

SELECT
    w.ref,
    extract(EPOCH FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY n.step))::double precision AS usual_s
FROM newest AS n
INNER JOIN wanted AS w ON n.point_id = w.point_id
WHERE n.step IS NOT NULL
GROUP BY w.ref
HAVING count(*) >= 2
