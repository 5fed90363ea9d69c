-- Somebody has looked at an alarm; the first one's name stays.
UPDATE alarm SET acknowledged_at = %(now)s, acknowledged_by = %(actor)s
WHERE site_id = %(site)s AND alarm_id = %(id)s AND acknowledged_at IS NULL
RETURNING message
