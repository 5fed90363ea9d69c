-- Every key, without its secret.
SELECT
    k.key_name,
    k.role,
    k.scopes,
    k.created_by,
    k.created_at,
    k.revoked_at
FROM api_key AS k
ORDER BY k.key_name
