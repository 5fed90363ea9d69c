-- The newest reading of each point; an older one changes nothing. Sorted by point, so that two writers never
-- wait for each other in a circle.
INSERT INTO reading_latest AS l (point_id, time, value, status)
SELECT
    n.point_id,
    n.time,
    n.value,
    n.status
FROM
    unnest(
        %(points)s::integer[],
        %(times)s::timestamptz[],
        %(values)s::double precision[],
        %(statuses)s::integer[]
    ) AS n (point_id, time, value, status)
ORDER BY n.point_id
ON CONFLICT (point_id) DO UPDATE SET
    time = excluded.time,
    value = excluded.value,
    status = excluded.status
WHERE excluded.time > l.time
