-- Since when there is a record.
SELECT min(e.at) AS since
FROM alarm_event AS e
WHERE e.site_id = %(site)s
