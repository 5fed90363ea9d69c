-- The account's end, or its return.
UPDATE app_user SET disabled_at = CASE WHEN %(disabled)s THEN now() END
WHERE user_name = %(name)s
