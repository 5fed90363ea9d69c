-- When someone last looked at each alarm.
SELECT
    a.source,
    max(a.acknowledged_at) AS acknowledged_at
FROM alarm AS a
WHERE a.site_id = %(site)s AND a.source = any(%(sources)s)
GROUP BY a.source
