-- A command gets its number in the order in which commands go out, not in which they were written.
UPDATE command
SET state = 'sent', sent_at = %(now)s, seq = DEFAULT
WHERE command_id = %(command_id)s AND state = 'queued'
RETURNING seq
