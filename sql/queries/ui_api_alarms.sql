-- The alarms that stand, the gravest first, then the newest.
SELECT
    a.alarm_id AS id,
    a.source,
    a.priority,
    a.message,
    a.action,
    a.raised_at,
    a.acknowledged_at,
    a.acknowledged_by
FROM alarm AS a
WHERE a.site_id = %(site)s AND a.cleared_at IS NULL
ORDER BY a.priority ASC, a.raised_at DESC, a.alarm_id DESC
LIMIT %(count)s
