-- Once more later, until it is too old to be news.
UPDATE notification SET
    state = CASE WHEN created_at <= %(given_up)s THEN 'failed' ELSE 'waiting' END,
    next_at = %(next_at)s,
    error = %(error)s
WHERE notification_id = any(%(ids)s)
