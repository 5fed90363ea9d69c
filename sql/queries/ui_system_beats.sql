-- Gateways and building management systems, and when each was heard last.
SELECT
    'gateway ' || e.edge AS name,
    e.online,
    e.heard_at
FROM edge_status AS e
WHERE e.site_id = %(site)s
UNION ALL
SELECT
    'building management system ' || b.name AS name,
    true AS online,
    b.last_at AS heard_at
FROM bms_heartbeat AS b
WHERE b.site_id = %(site)s
ORDER BY name
