-- Once more later, until it has been tried often enough.
UPDATE notification SET
    state = CASE WHEN tries >= %(most)s THEN 'failed' ELSE 'waiting' END,
    next_at = %(next_at)s,
    error = %(error)s
WHERE notification_id = any(%(ids)s)
