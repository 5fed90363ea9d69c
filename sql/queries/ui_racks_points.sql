-- The newest readings of some points of some assets, by name.
SELECT
    p.asset_id || '/' || p.name AS ref,
    p.unit,
    l.time,
    l.value,
    l.status
FROM point AS p
INNER JOIN reading_latest AS l ON p.point_id = l.point_id
WHERE p.site_id = %(site)s AND p.asset_id = any(%(assets)s) AND p.name = any(%(names)s)
