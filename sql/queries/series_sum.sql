-- Sum over points of each point's mean per step; only steps in which every point has a usable reading.
SELECT
    s.bucket AS time,
    s.value
FROM sum_by_step(%(points)s, %(step)s, %(start)s, %(end)s) AS s
ORDER BY s.bucket
