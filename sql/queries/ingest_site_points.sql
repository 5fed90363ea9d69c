-- Every point of a site that has ever been seen; of those that lie in samples, whose and in which field.
SELECT
    p.point_id,
    p.asset_id,
    p.name,
    g.gpu_id,
    g.field
FROM point AS p
LEFT JOIN gpu_point AS g ON p.point_id = g.point_id
WHERE p.site_id = %(site)s
