-- One account, as it is now.
SELECT
    u.user_name,
    u.role,
    u.password_hash,
    u.must_change,
    u.disabled_at
FROM app_user AS u
WHERE u.user_name = %(name)s
