-- Idempotent: a point that is there keeps its row. The id of one that is new.
INSERT INTO point (site_id, asset_id, name, unit, role, state_class, source)
VALUES (%(site)s, %(asset)s, %(name)s, %(unit)s, %(role)s, %(state_class)s, %(source)s)
ON CONFLICT (site_id, asset_id, name) DO NOTHING
RETURNING point_id
