-- Building management systems that have been heard within a time, and when last.
SELECT
    name,
    last_at
FROM bms_heartbeat
WHERE site_id = %(site)s AND last_at >= %(since)s
ORDER BY name
