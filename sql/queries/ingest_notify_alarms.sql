-- Alarms that ask for somebody, grave enough, that some channel has not been told of. One whose source was
-- told lately as no less grave waits, and is told if it still stands then: what comes and goes is one message
-- in a while.
SELECT
    a.site_id,
    a.alarm_id,
    a.kind,
    a.source,
    a.priority,
    a.message,
    a.action,
    a.cause,
    a.consequence,
    a.respond_s,
    a.owner,
    a.raised_at,
    a.cleared_at
FROM alarm AS a
WHERE
    a.site_id = %(site)s AND a.priority <= %(priority)s
    AND a.state <> 'normal'
    AND (
        alarm_state(a, %(now)s) = 'unacknowledged'
        OR (a.state = 'returned' AND a.cleared_at > %(since)s)
    )
    AND EXISTS (
        SELECT FROM unnest(%(channels)s::text[]) AS c (channel)
        WHERE NOT EXISTS (
            SELECT FROM notification AS n
            WHERE
                n.site_id = a.site_id AND n.kind = a.kind AND n.of = a.alarm_id AND n.channel = c.channel
        )
    )
    AND NOT EXISTS (
        SELECT FROM notification AS n INNER JOIN alarm AS b ON n.of = b.alarm_id AND n.kind = b.kind
        WHERE
            n.site_id = a.site_id AND n.state <> 'dropped'
            AND n.created_at + %(quiet)s::interval
            > CASE WHEN a.cleared_at IS NULL THEN %(now)s ELSE a.raised_at END
            AND b.source = a.source AND b.priority <= a.priority AND b.alarm_id <> a.alarm_id
    )
ORDER BY a.priority, a.alarm_id
