-- Alarms that suspend a kind of advice until somebody looks.
SELECT
    a.alarm_id,
    a.message,
    a.action
FROM alarm AS a
WHERE
    a.site_id = %(site)s
    AND a.source LIKE %(prefix)s
    AND a.cleared_at IS NULL
    AND a.acknowledged_at IS NULL
ORDER BY a.raised_at DESC
