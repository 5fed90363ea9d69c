-- Sum over points of each point's mean per step; only steps in which every point has a usable reading.
WITH mean AS (
    SELECT
        r.point_id,
        date_bin(%(step)s, r.time, TIMESTAMPTZ '1970-01-01 00:00:00+00') AS bucket,
        avg(r.value) AS value
    FROM reading AS r
    WHERE
        r.point_id = any(%(points)s)
        AND r.time >= %(start)s AND r.time < %(end)s
        AND r.status < 32768
    GROUP BY r.point_id, bucket
)

SELECT
    m.bucket AS time,
    sum(m.value) AS value
FROM mean AS m
GROUP BY m.bucket
HAVING count(*) = cardinality(%(points)s)
ORDER BY m.bucket
