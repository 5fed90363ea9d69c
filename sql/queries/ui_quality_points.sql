-- Every point of a site that was ever heard of, with its newest reading.
SELECT
    p.point_id,
    p.asset_id || '/' || p.name AS ref,
    p.asset_id,
    p.name,
    p.unit,
    l.time,
    l.value,
    l.status
FROM point AS p
LEFT JOIN reading_latest AS l ON p.point_id = l.point_id
WHERE p.site_id = %(site)s
ORDER BY p.asset_id, p.name
