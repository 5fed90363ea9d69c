-- What was being sent when a process died; a job runs once at a time, so nobody is sending it now.
UPDATE notification SET
    state = 'failed',
    error = 'the process ended while it was sent: whether it arrived is not known'
WHERE site_id = %(site)s AND channel = %(channel)s AND state = 'sending'
