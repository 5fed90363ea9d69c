-- What the plant's own control held before we did; it is what holds while we are away.
SELECT
    asset_id || '/' || point AS ref,
    own_value
FROM lease
WHERE site_id = %(site)s AND released_at IS NULL
