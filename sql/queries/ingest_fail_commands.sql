-- Commands that the plant took and whose measured setpoint has not followed in time.
UPDATE command
SET state = 'failed', reason = %(reason)s
WHERE site_id = %(site)s AND kind = 'set' AND state = 'acknowledged' AND acknowledged_at <= %(since)s
RETURNING command_id, asset_id, point, reason
