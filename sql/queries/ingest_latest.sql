-- The newest reading of every point of a site.
SELECT
    p.asset_id AS asset,
    p.name AS point,
    l.time,
    l.value,
    l.status
FROM reading_latest AS l
INNER JOIN point AS p ON l.point_id = p.point_id
WHERE p.site_id = %(site)s
