-- What there is of some points between two times, both included: point ids, and times [µs since 1970]. No
-- more than a number of them, point by point, so that each is found by the key.
SELECT
    array_agg(f.point_id) AS points,
    array_agg(f.us) AS times_us
FROM (
    SELECT
        r.point_id,
        (extract(EPOCH FROM r.time) * 1000000)::bigint AS us
    FROM unnest(%(points)s::integer[]) AS p (point_id)
    CROSS JOIN
        LATERAL (
            SELECT
                n.point_id,
                n.time
            FROM reading AS n
            WHERE n.point_id = p.point_id AND n.time >= %(from_time)s AND n.time <= %(to_time)s
        ) AS r
    LIMIT %(count)s -- noqa: AM09
) AS f
