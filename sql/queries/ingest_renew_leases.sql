-- Leases whose renewal the plant's side has taken; how long they hold is counted from when it was sent.
WITH taken AS (
    UPDATE command
    SET state = 'applied', applied_at = %(now)s
    WHERE site_id = %(site)s AND kind = 'renew' AND state = 'acknowledged'
    RETURNING recommendation_id, asset_id, point, sent_at, lease_s
)

UPDATE lease AS l
SET renewed_at = t.sent_at, expires_at = t.sent_at + make_interval(secs => t.lease_s * %(speed)s)
FROM taken AS t
WHERE
    l.site_id = %(site)s AND l.asset_id = t.asset_id AND l.point = t.point
    AND l.recommendation_id = t.recommendation_id AND l.released_at IS NULL AND l.renewed_at < t.sent_at
