-- When each setpoint took the value it has now: the first reading after the last one that differed. Setpoints
-- are never part of a GPU's samples.
WITH last_other AS (
    SELECT
        l.point_id,
        max(r.time) AS at
    FROM reading_latest AS l
    INNER JOIN reading AS r ON l.point_id = r.point_id
    WHERE
        l.point_id = any(%(points)s)
        AND r.time > %(since)s
        AND r.status < 32768
        AND abs(r.value - l.value) > %(tolerance)s
    GROUP BY l.point_id
)

SELECT
    o.point_id,
    min(f.time) AS moved_at
FROM last_other AS o
INNER JOIN reading AS f ON o.point_id = f.point_id AND o.at < f.time
GROUP BY o.point_id
