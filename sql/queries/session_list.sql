-- Who is signed in, newest first.
SELECT
    s.user_name,
    u.role,
    s.source,
    s.created_at,
    s.last_seen_at,
    s.expires_at
FROM app_session AS s
INNER JOIN app_user AS u ON s.user_name = u.user_name
WHERE s.expires_at > now() AND s.last_seen_at > now() - %(idle)s::interval
ORDER BY s.created_at DESC
