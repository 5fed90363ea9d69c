INSERT INTO edge_status (site_id, edge, online, heard_at, holding)
VALUES (%(site)s, %(edge)s, %(online)s, %(now)s, %(holding)s)
ON CONFLICT (site_id, edge) DO UPDATE SET
    online = excluded.online,
    heard_at = excluded.heard_at,
    holding = excluded.holding
