-- What is due on a channel, at most so many, the oldest first, marked as being sent.
UPDATE notification SET
    state = 'sending',
    tries = tries + 1
WHERE
    notification_id IN (
        SELECT n.notification_id FROM notification AS n
        WHERE
            n.site_id = %(site)s AND n.channel = %(channel)s AND n.state = 'waiting' AND n.next_at <= %(now)s
        ORDER BY n.notification_id
        LIMIT %(most)s
    )
RETURNING notification_id, message, tries
