-- A program's key; nothing where there is one of this name.
INSERT INTO api_key (key_name, key_sha256, role, scopes, created_by)
VALUES (%(name)s, %(key)s, %(role)s, %(scopes)s, %(actor)s)
ON CONFLICT (key_name) DO NOTHING
RETURNING key_name
