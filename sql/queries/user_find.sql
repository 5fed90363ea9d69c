-- One account; locked until the end of the transaction.
SELECT
    u.user_name,
    u.role,
    u.password_hash,
    u.must_change,
    u.disabled_at,
    now() - u.password_at AS password_age
FROM app_user AS u
WHERE u.user_name = %(name)s
FOR UPDATE
