-- Commands that nobody has answered in time.
UPDATE command
SET
    state = 'expired',
    reason = CASE WHEN state = 'sent' THEN 'no answer from the plant' ELSE 'not sent in time' END
WHERE site_id = %(site)s AND state IN ('queued', 'sent') AND expires_at <= %(now)s
RETURNING command_id, asset_id, point, reason
