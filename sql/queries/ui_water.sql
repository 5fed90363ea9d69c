-- How much water a site's make-up meters let in during a period, which meters these are, and whether
-- readings of then have been dropped.
WITH meter AS (
    SELECT
        array_agg(p.point_id) AS ids,
        array_agg(p.asset_id || '/' || p.name ORDER BY p.asset_id) AS refs
    FROM point AS p
    WHERE p.site_id = %(site)s AND p.name = 'make_up_water'
)

SELECT
    m.refs,
    s.raw_from > %(start)s AS dropped,
    (
        SELECT sum(c.increase + c.unattributed) FROM counter_increase(m.ids, %(start)s, %(end)s) AS c
    ) AS water_m3
FROM meter AS m
CROSS JOIN storage_state AS s
