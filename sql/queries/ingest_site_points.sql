-- Every point of a site that has ever been seen.
SELECT
    p.point_id,
    p.asset_id,
    p.name
FROM point AS p
WHERE p.site_id = %(site)s
