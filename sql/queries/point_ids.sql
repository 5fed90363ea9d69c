-- The ids of points named asset/point, in no order; a point never seen has no row.
SELECT
    p.point_id,
    p.asset_id || '/' || p.name AS ref
FROM point AS p
WHERE p.site_id = %(site)s AND p.asset_id || '/' || p.name = ANY(%(refs)s)
