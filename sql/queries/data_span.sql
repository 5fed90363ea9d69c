-- First and last reading of a set of points.
SELECT
    min(r.time) AS first,
    max(r.time) AS last
FROM reading_all AS r
WHERE r.point_id = any(%(points)s)
