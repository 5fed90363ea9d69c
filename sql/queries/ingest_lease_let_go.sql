-- The gateway let go by itself.
UPDATE lease
SET let_go = %(reason)s
WHERE
    site_id = %(site)s AND asset_id = %(asset)s AND point = %(point)s
    AND recommendation_id = %(recommendation_id)s AND released_at IS NULL
