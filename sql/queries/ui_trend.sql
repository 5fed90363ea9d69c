-- Means per step of each of some points that were ever heard of; of one without any, a row without a time.
SELECT
    p.asset_id || '/' || p.name AS ref,
    s.bucket AS time,
    s.value
FROM point AS p
LEFT JOIN LATERAL sum_by_step(ARRAY[p.point_id], %(step)s, %(start)s, %(end)s) AS s ON true
WHERE p.site_id = %(site)s AND p.asset_id || '/' || p.name = any(%(refs)s)
ORDER BY ref, s.bucket
