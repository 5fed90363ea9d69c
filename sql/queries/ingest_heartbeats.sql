-- Building management systems that have been heard within a time, when last, and how
-- often in time, one after the other.
SELECT
    name,
    last_at,
    in_row
FROM bms_heartbeat
WHERE site_id = %(site)s AND last_at >= %(since)s
ORDER BY name
