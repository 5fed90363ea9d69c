-- One open alarm per source; raising one again changes nothing.
INSERT INTO alarm (site_id, source, priority, message, action, raised_at)
SELECT
    %(site)s,
    n.source,
    %(priority)s,
    n.message,
    n.action,
    %(now)s
FROM
    unnest(%(sources)s::text[], %(messages)s::text[], %(actions)s::text[]) AS n (source, message, action)
ON CONFLICT (site_id, source) WHERE cleared_at IS NULL DO NOTHING
RETURNING source
