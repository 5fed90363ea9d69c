-- Alarms of the plant that stand and are as urgent as this, without those that advice itself has raised.
SELECT a.message
FROM alarm AS a
WHERE
    a.site_id = %(site)s AND a.cleared_at IS NULL
    AND a.priority <= %(priority)s AND NOT starts_with(a.source, 'advise.')
ORDER BY a.alarm_id
