-- Another role; the sessions end by the trigger.
UPDATE app_user SET role = %(role)s
WHERE user_name = %(name)s
