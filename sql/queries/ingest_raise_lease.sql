-- The next step of a ramp is held under the lease of the first.
UPDATE lease
SET value = %(value)s, renewed_at = %(now)s, expires_at = %(expires_at)s
WHERE lease_id = %(lease_id)s
