-- The newest reading of every point of a site, with its name and unit.
SELECT
    p.asset_id || '/' || p.name AS ref,
    p.asset_id,
    p.name,
    p.unit,
    l.time,
    l.value,
    l.status
FROM reading_latest AS l
INNER JOIN point AS p ON l.point_id = p.point_id
WHERE p.site_id = %(site)s
ORDER BY p.asset_id, p.name
