-- What waits and is no news any more: somebody has seen the alarm, put it aside or decided about the advice.
UPDATE notification AS n SET state = 'dropped'
WHERE
    n.site_id = %(site)s AND n.channel = %(channel)s AND n.state = 'waiting'
    AND (
        EXISTS (
            SELECT FROM alarm AS a
            WHERE
                n.kind IN ('alarm', 'notification') AND a.alarm_id = n.of
                AND alarm_state(a, %(now)s) NOT IN ('unacknowledged', 'returned')
        )
        OR EXISTS (
            SELECT FROM recommendation AS r
            WHERE
                n.kind = 'proposed' AND r.recommendation_id = n.of AND r.state NOT IN ('proposed', 'snoozed')
        )
    )
