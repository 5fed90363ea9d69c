-- What has been decided to go out and is not answered yet, in its order.
SELECT
    command_id,
    asset_id,
    point,
    kind,
    value,
    message,
    message_expires_at
FROM command
WHERE site_id = %(site)s AND state = 'sent' AND message_expires_at > %(now)s
ORDER BY seq
