-- A renewal or a release, on its way at once.
INSERT INTO command (
    command_id, recommendation_id, site_id, asset_id, point, value, previous_value, created_at, expires_at,
    state, sent_at, kind, lease_s
)
VALUES (
    %(command_id)s, %(id)s, %(site)s, %(asset)s, %(point)s, %(value)s, %(value)s, %(now)s, %(expires_at)s,
    'sent', %(now)s, %(kind)s, %(lease_s)s
)
RETURNING seq
