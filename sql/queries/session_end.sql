-- Somebody signs out.
DELETE FROM app_session
WHERE session_sha256 = %(key)s
RETURNING user_name
