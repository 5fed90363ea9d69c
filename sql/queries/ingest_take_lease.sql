INSERT INTO lease (
    site_id, asset_id, point, recommendation_id, value, own_value, taken_at, renewed_at, expires_at
)
VALUES (
    %(site)s, %(asset)s, %(point)s, %(id)s, %(value)s, %(own_value)s, %(now)s, %(now)s, %(expires_at)s
)
