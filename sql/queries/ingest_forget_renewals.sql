-- A renewal that was taken is worth nothing once the next one goes out.
DELETE FROM command
WHERE
    recommendation_id = %(id)s AND asset_id = %(asset)s AND point = %(point)s
    AND kind = 'renew' AND state IN ('applied', 'expired')
