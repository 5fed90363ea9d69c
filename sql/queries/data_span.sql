-- First and last reading of a set of points, from the hours that are rolled up where the readings themselves
-- are dropped.
WITH here AS (
    SELECT
        min(r.time) AS first,
        max(r.time) AS last
    FROM reading_all AS r
    WHERE r.point_id = any(%(points)s)
),

wanted AS (
    SELECT p.point_id
    FROM unnest(%(points)s::integer[]) AS p (point_id)
),

hour AS (
    SELECT
        min(f.bucket) AS first,
        max(l.bucket) + interval '1 hour' AS last
    FROM wanted AS w
    CROSS JOIN
        LATERAL (
            SELECT r.bucket FROM reading_1h AS r
            WHERE r.point_id = w.point_id
            ORDER BY r.bucket ASC
            LIMIT 1
        ) AS f
    CROSS JOIN
        LATERAL (
            SELECT r.bucket FROM reading_1h AS r
            WHERE r.point_id = w.point_id
            ORDER BY r.bucket DESC
            LIMIT 1
        ) AS l
)

SELECT
    coalesce(e.last, o.last) AS last,
    CASE
        WHEN o.first + interval '1 hour' <= e.first THEN o.first
        ELSE coalesce(e.first, o.first)
    END AS first
FROM here AS e
CROSS JOIN hour AS o
