-- When the plant's side was heard last, and whether it said goodbye; the newest of its gateways.
SELECT
    s.edge,
    s.online,
    s.heard_at
FROM edge_status AS s
WHERE s.site_id = %(site)s
ORDER BY s.heard_at DESC
LIMIT 1
