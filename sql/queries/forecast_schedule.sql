-- What was known ahead by people and schedulers, every version, with the time it became available.
SELECT
    s.kind,
    s.valid_at,
    s.available_at,
    s.value
FROM schedule AS s
WHERE
    s.site_id = %(site)s
    AND s.valid_at >= %(start)s
    AND s.available_at <= %(now)s
ORDER BY s.kind, s.valid_at, s.available_at
