-- A new account; nothing where there is one of this name.
INSERT INTO app_user (user_name, display_name, role, password_hash, must_change, created_at)
VALUES (%(name)s, %(display)s, %(role)s, %(hash)s, TRUE, now())
ON CONFLICT (user_name) DO NOTHING
RETURNING user_name
