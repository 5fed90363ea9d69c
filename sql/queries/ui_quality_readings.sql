-- All readings of a point in a period, as they came, with their status.
SELECT
    r.time,
    r.value,
    r.status
FROM reading_all AS r
WHERE r.point_id = %(point)s AND r.time >= %(start)s AND r.time <= %(end)s
ORDER BY r.time
