-- Open alarms about advice, the gravest first: what suspends it, what it did, what has to be done by hand.
SELECT
    a.alarm_id,
    a.source,
    a.priority,
    a.message,
    a.action,
    a.acknowledged_by
FROM alarm AS a
WHERE
    a.site_id = %(site)s
    AND a.source LIKE %(prefix)s
    AND a.cleared_at IS NULL
ORDER BY a.priority ASC, a.raised_at DESC
