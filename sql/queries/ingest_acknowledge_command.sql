-- The plant's answer, the first one: a command is answered again when it is sent again.
UPDATE command
SET
    state = CASE WHEN %(accepted)s THEN 'acknowledged' ELSE 'refused' END,
    acknowledged_at = %(now)s,
    answer = %(answer)s,
    reason
    = CASE WHEN %(accepted)s THEN reason ELSE coalesce(nullif(%(reason)s, ''), 'refused by the plant') END
WHERE site_id = %(site)s AND command_id = %(command_id)s AND state = 'sent'
