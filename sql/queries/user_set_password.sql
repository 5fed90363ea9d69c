-- A new password; the sessions end by the trigger.
UPDATE app_user SET password_hash = %(hash)s, password_at = now(), must_change = %(must_change)s
WHERE user_name = %(name)s
