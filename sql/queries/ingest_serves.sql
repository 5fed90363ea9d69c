-- The power tree as the building management system tells it.
SELECT
    a.object_id,
    a.relation,
    a.other_id,
    a.last_at
FROM asset_serves AS a
WHERE a.site_id = %(site)s
ORDER BY a.object_id, a.relation, a.other_id
