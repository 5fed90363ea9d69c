-- What is over is forgotten.
DELETE FROM app_session
WHERE expires_at <= now() OR last_seen_at <= now() - %(idle)s::interval
