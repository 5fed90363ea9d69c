-- The key that is in force.
SELECT
    k.key_name,
    k.role,
    k.scopes
FROM api_key AS k
WHERE k.key_sha256 = %(key)s AND k.revoked_at IS NULL
