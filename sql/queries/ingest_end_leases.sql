UPDATE lease
SET released_at = %(now)s, reason = %(reason)s
WHERE lease_id = any(%(leases)s) AND released_at IS NULL
