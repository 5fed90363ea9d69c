-- Building management systems that have been heard, and how often in time, one after the other.
INSERT INTO bms_heartbeat (site_id, name, first_at, last_at)
SELECT
    %(site)s,
    n.name,
    n.heard AS first_at,
    n.heard AS last_at
FROM unnest(%(names)s::text[], %(times)s::timestamptz[]) AS n (name, heard)
ORDER BY n.name
ON CONFLICT (site_id, name) DO UPDATE SET
    in_row = CASE
        WHEN excluded.last_at - bms_heartbeat.last_at <= %(patience)s
            THEN least(bms_heartbeat.in_row + 1, 100)
        ELSE 1
    END,
    last_at = greatest(bms_heartbeat.last_at, excluded.last_at)
