INSERT INTO command (
    command_id, recommendation_id, site_id, asset_id, point, value, previous_value, created_at, expires_at,
    step, not_before, lease_s
)
VALUES (
    %(command_id)s, %(id)s, %(site)s, %(asset)s, %(point)s, %(value)s, %(previous)s, %(now)s, %(expires_at)s,
    %(step)s, %(not_before)s, %(lease_s)s
)
