-- Alarms and notifications that are not normal: the gravest first, of those the unacknowledged first.
SELECT
    a.alarm_id,
    a.source,
    a.kind,
    a.priority,
    a.message,
    a.action,
    a.cause,
    a.consequence,
    a.respond_s,
    a.owner,
    a.raised_at,
    a.cleared_at,
    a.acknowledged_at,
    a.acknowledged_by,
    a.withheld_until,
    a.withheld_by,
    a.withheld_reason,
    e.comment,
    e.commented_by,
    alarm_state(a, %(now)s) AS state
FROM alarm AS a
LEFT JOIN LATERAL (
    SELECT
        c.reason AS comment,
        c.actor AS commented_by
    FROM alarm_event AS c
    WHERE c.alarm_id = a.alarm_id AND c.verb = 'comment'
    ORDER BY c.event_id DESC
    LIMIT 1
) AS e ON TRUE
WHERE a.site_id = %(site)s AND (a.state <> 'normal' OR a.alarm_id = %(pinned)s)
ORDER BY
    a.priority ASC,
    alarm_state(a, %(now)s) IN ('unacknowledged', 'returned') DESC,
    a.cleared_at IS NULL DESC,
    a.raised_at DESC
