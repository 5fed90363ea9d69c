INSERT INTO asset (site_id, asset_id, brick_class, parent_id, label)
VALUES (%(site)s, %(asset)s, %(brick_class)s, %(parent)s, %(label)s)
ON CONFLICT (site_id, asset_id) DO UPDATE SET
    brick_class = excluded.brick_class,
    parent_id = excluded.parent_id,
    label = excluded.label
