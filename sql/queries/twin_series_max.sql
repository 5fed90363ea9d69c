-- Per step the highest of the points' means; points without a usable reading are left out.
WITH mean AS (
    SELECT
        r.point_id,
        date_bin(%(step)s, r.time, TIMESTAMPTZ '1970-01-01 00:00:00+00') AS bucket,
        avg(r.value) AS value
    FROM reading AS r
    WHERE
        r.point_id = ANY(%(points)s)
        AND r.time >= %(period_from)s AND r.time < %(period_to)s
        AND r.status < 32768
    GROUP BY r.point_id, bucket
)

SELECT
    m.bucket AS time,
    max(m.value) AS value
FROM mean AS m
GROUP BY m.bucket
ORDER BY m.bucket
