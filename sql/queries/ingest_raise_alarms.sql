-- One open alarm per source; raising one again changes nothing.
INSERT INTO alarm (site_id, source, priority, message, action, raised_at)
SELECT
    %(site)s,
    n.source,
    n.priority,
    n.message,
    n.action,
    %(now)s
FROM
    unnest(%(sources)s::text[], %(priorities)s::integer[], %(messages)s::text[], %(actions)s::text[])
        AS n (source, priority, message, action)
ON CONFLICT (site_id, source) WHERE cleared_at IS NULL DO NOTHING
RETURNING source
