-- Everybody who has an account, and how many sessions they have open.
SELECT
    u.user_name,
    u.display_name,
    u.role,
    u.created_at,
    u.disabled_at,
    u.must_change,
    count(s.user_name)::integer AS sessions,
    max(s.last_seen_at) AS last_seen_at
FROM app_user AS u
LEFT JOIN app_session AS s
    ON u.user_name = s.user_name AND s.expires_at > now() AND s.last_seen_at > now() - %(idle)s::interval
GROUP BY u.user_name
ORDER BY u.user_name
