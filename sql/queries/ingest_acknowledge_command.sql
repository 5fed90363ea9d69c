-- The plant's answer. A command may be answered before it is on record as sent: then this waits for that.
UPDATE command
SET
    state = CASE WHEN %(accepted)s THEN 'acknowledged' ELSE 'refused' END,
    sent_at = coalesce(sent_at, %(now)s),
    acknowledged_at = %(now)s,
    reason
    = CASE WHEN %(accepted)s THEN reason ELSE coalesce(nullif(%(reason)s, ''), 'refused by the plant') END
WHERE
    site_id = %(site)s AND command_id = %(command_id)s AND state IN ('queued', 'sent')
