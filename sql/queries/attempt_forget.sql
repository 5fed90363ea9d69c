-- One that was refused without a look at the password, so that waiting helps.
DELETE FROM sign_in_attempt
WHERE attempt_id = %(id)s
