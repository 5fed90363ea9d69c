-- What has been decided to go out and is not answered yet, in its order. What is to be set or held goes out
-- only as long as its recommendation is still on that way; a release goes out whatever else happens.
SELECT
    c.command_id,
    c.asset_id,
    c.point,
    c.kind,
    c.value,
    c.message,
    c.message_expires_at
FROM command AS c
INNER JOIN recommendation AS r ON c.recommendation_id = r.recommendation_id
WHERE
    c.site_id = %(site)s AND c.state = 'sent' AND c.message_expires_at > %(now)s
    AND (
        c.kind = 'release'
        OR (c.kind = 'set' AND r.state IN ('sent', 'ramping'))
        OR (c.kind = 'renew' AND r.state IN ('ramping', 'holding'))
    )
ORDER BY c.seq
