-- How many alarms ask for somebody, by priority, and how many of them nobody has acknowledged.
SELECT
    a.priority,
    count(*)::integer AS open,
    count(*) FILTER (WHERE alarm_state(a, %(now)s) <> 'acknowledged')::integer AS unseen
FROM alarm AS a
WHERE
    a.site_id = %(site)s AND a.kind = 'alarm' AND a.state <> 'normal'
    AND alarm_state(a, %(now)s) IN ('unacknowledged', 'acknowledged', 'returned')
GROUP BY a.priority
ORDER BY a.priority
