-- A key's end.
UPDATE api_key SET revoked_at = now()
WHERE key_name = %(name)s AND revoked_at IS NULL
RETURNING key_name
