-- The alarms that ask for somebody, the gravest and newest first; those that are over come last.
SELECT
    a.alarm_id,
    a.priority::integer AS priority,
    a.message,
    a.action,
    a.raised_at,
    alarm_state(a, %(now)s) AS state,
    a.acknowledged_by
FROM alarm AS a
WHERE
    a.site_id = %(site)s AND a.kind = 'alarm' AND a.state <> 'normal'
    AND alarm_state(a, %(now)s) IN ('unacknowledged', 'acknowledged', 'returned')
ORDER BY (a.state = 'returned') ASC, a.priority ASC, a.raised_at DESC, a.alarm_id DESC
LIMIT %(count)s
