-- An admin made a new password: what was mistyped for this name, wherever from, is forgotten.
DELETE FROM sign_in_attempt
WHERE user_name = %(name)s
