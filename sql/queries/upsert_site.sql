INSERT INTO site (site_id, name, timezone, description, updated_at)
VALUES (%(site)s, %(name)s, %(timezone)s, %(description)s, %(now)s)
ON CONFLICT (site_id) DO UPDATE SET
    name = excluded.name,
    timezone = excluded.timezone,
    description = excluded.description,
    updated_at = excluded.updated_at
