-- Building management systems that have been heard.
INSERT INTO bms_heartbeat (site_id, name, first_at, last_at)
SELECT
    %(site)s,
    n.name,
    n.heard AS first_at,
    n.heard AS last_at
FROM unnest(%(names)s::text[], %(times)s::timestamptz[]) AS n (name, heard)
ORDER BY n.name
ON CONFLICT (site_id, name) DO UPDATE SET
    last_at = greatest(bms_heartbeat.last_at, excluded.last_at)
