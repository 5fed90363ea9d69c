UPDATE notification SET
    state = 'sent',
    sent_at = %(now)s,
    error = NULL
WHERE notification_id = any(%(ids)s)
