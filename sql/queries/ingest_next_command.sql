-- The oldest command that waits to be sent, held until the end of the transaction.
SELECT
    c.command_id,
    c.recommendation_id,
    c.asset_id,
    c.point,
    c.value,
    c.expires_at,
    coalesce((
        SELECT e.actor
        FROM recommendation_event AS e
        WHERE e.recommendation_id = c.recommendation_id AND e.to_state = 'accepted'
        ORDER BY e.event_id DESC
        LIMIT 1
    ), 'unknown') AS issued_by
FROM command AS c
WHERE c.site_id = %(site)s AND c.state = 'queued' AND c.expires_at > %(now)s
ORDER BY c.created_at, c.command_id
LIMIT 1
FOR UPDATE OF c SKIP LOCKED
