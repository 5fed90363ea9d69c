-- How often each setpoint moved in a time.
WITH follows AS (
    SELECT
        r.point_id,
        abs(r.value - lag(r.value) OVER (PARTITION BY r.point_id ORDER BY r.time)) AS step
    FROM reading AS r
    WHERE
        r.point_id = any(%(points)s)
        AND r.time > %(since)s AND r.time <= %(until)s
        AND r.status < 32768
)

SELECT
    f.point_id,
    count(*) AS moves
FROM follows AS f
WHERE f.step > %(tolerance)s
GROUP BY f.point_id
