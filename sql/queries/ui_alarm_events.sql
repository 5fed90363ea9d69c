-- What happened to alarms in a period, or to one alarm ever, the newest first.
SELECT
    e.event_id,
    e.alarm_id,
    e.at,
    e.verb,
    e.from_state,
    e.to_state,
    e.actor,
    e.reason,
    a.priority,
    a.kind,
    a.message
FROM alarm_event AS e
INNER JOIN alarm AS a ON e.alarm_id = a.alarm_id
WHERE
    e.site_id = %(site)s
    AND (
        e.alarm_id = %(number)s
        OR (%(number)s::bigint IS NULL AND e.at >= %(start)s AND e.at < %(end)s)
    )
ORDER BY e.at DESC, e.event_id DESC
LIMIT %(count)s
