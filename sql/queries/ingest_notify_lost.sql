-- What was being sent when a process died; a job runs once at a time, so nobody is sending it now. It is sent
-- again with the same key: an alarm told twice is better than one told to nobody.
UPDATE notification SET
    state = CASE WHEN created_at <= %(given_up)s THEN 'failed' ELSE 'waiting' END,
    next_at = %(next_at)s,
    error = 'the process ended while it was sent: whether it arrived is not known'
WHERE site_id = %(site)s AND channel = %(channel)s AND state = 'sending'
