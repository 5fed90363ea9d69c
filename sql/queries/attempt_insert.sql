-- A sign-in begins; it counts as failed until it has succeeded.
INSERT INTO sign_in_attempt (user_name, source) VALUES (%(name)s, %(source)s)
RETURNING attempt_id
