-- Whose session this is, if it is one still.
SELECT
    u.user_name,
    u.role,
    u.must_change,
    s.last_seen_at < now() - interval '1 minute' AS to_touch
FROM app_session AS s
INNER JOIN app_user AS u ON s.user_name = u.user_name
WHERE
    s.session_sha256 = %(key)s
    AND s.expires_at > now()
    AND s.last_seen_at > now() - %(idle)s::interval
    AND u.disabled_at IS NULL
