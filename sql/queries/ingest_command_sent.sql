UPDATE command
SET state = 'sent', sent_at = %(now)s
WHERE command_id = %(command_id)s AND state = 'queued'
