-- Commands that nobody has answered in time, or that were not sent in time.
UPDATE command
SET
    state = 'expired',
    reason = CASE WHEN state = 'sent' THEN 'no answer from the plant' ELSE 'not sent in time' END
WHERE
    site_id = %(site)s AND (
        (state = 'queued' AND expires_at <= %(now)s)
        OR (state = 'sent' AND coalesce(message_expires_at, expires_at) <= %(now)s)
    )
RETURNING command_id, asset_id, point, reason
