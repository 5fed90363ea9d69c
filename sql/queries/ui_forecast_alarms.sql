-- Open alarms of the forecaster, the gravest first.
SELECT
    a.source,
    a.priority,
    a.message,
    a.action,
    a.raised_at
FROM alarm AS a
WHERE a.site_id = %(site)s AND a.cleared_at IS NULL AND starts_with(a.source, 'forecast.')
ORDER BY a.priority, a.raised_at
