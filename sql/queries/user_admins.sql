-- Who manages users, locked so that two changes at once cannot take the last one away.
SELECT u.user_name
FROM app_user AS u
WHERE u.role = 'admin' AND u.disabled_at IS NULL
ORDER BY u.user_name
FOR UPDATE
