-- What reached anybody is sent; whom it did not reach is on record.
UPDATE notification SET
    state = 'sent',
    sent_at = %(now)s,
    error = %(missed)s
WHERE notification_id = any(%(ids)s)
