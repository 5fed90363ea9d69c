UPDATE command
SET message = %(message)s, message_expires_at = %(expires_at)s
WHERE command_id = %(command_id)s
