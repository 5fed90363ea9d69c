-- Every session of an account ends.
DELETE FROM app_session
WHERE user_name = %(name)s
