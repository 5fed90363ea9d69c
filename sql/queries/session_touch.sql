-- It is used.
UPDATE app_session SET last_seen_at = now()
WHERE session_sha256 = %(key)s
