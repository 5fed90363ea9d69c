-- The gateways of a site, and whether anything is held there.
SELECT
    e.edge,
    e.online,
    e.heard_at,
    EXISTS(
        SELECT FROM lease AS l
        WHERE l.site_id = e.site_id AND l.released_at IS NULL
    ) AS needed
FROM edge_status AS e
WHERE e.site_id = %(site)s
