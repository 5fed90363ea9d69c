-- The alarms that stand for single recommendations.
SELECT a.source
FROM alarm AS a
WHERE a.site_id = %(site)s AND a.cleared_at IS NULL AND starts_with(a.source, %(prefix)s)
