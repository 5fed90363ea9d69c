-- Whatever of this room's alarms is no longer so.
UPDATE alarm SET cleared_at = %(now)s
WHERE
    site_id = %(site)s AND cleared_at IS NULL AND starts_with(source, %(prefix)s)
    AND NOT source = any(%(sources)s::text[])
RETURNING source
