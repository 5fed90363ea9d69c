-- Somebody is signed in.
INSERT INTO app_session (session_sha256, user_name, source, expires_at)
VALUES (%(key)s, %(name)s, %(source)s, now() + %(longest)s::interval)
