-- Recommendations whose setpoints are left in peace: turned down lately, put off, or standing to be scored.
SELECT r.changes
FROM recommendation AS r
WHERE
    r.site_id = %(site)s
    AND (
        r.state = 'snoozed'
        OR (r.state = 'proposed' AND r.authority = 'shadow')
        OR EXISTS (
            SELECT FROM recommendation_event AS e
            WHERE
                e.recommendation_id = r.recommendation_id
                AND e.to_state = 'rejected' AND e.from_state <> 'rejected' AND e.at > %(since)s
        )
    )
ORDER BY r.recommendation_id
