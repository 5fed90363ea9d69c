-- What the plant's own control held, and from when to when advice held something else: leases, and setpoints
-- that operators moved by hand on advice.
WITH moment AS (
    SELECT
        e.recommendation_id,
        min(e.at) FILTER (WHERE e.to_state = 'applied') AS moved_at,
        max(e.at) FILTER (WHERE e.to_state IN ('completed', 'reverted')) AS ended_at
    FROM recommendation_event AS e
    GROUP BY e.recommendation_id
)

SELECT
    l.asset_id || '/' || l.point AS ref,
    NULL AS setpoint,
    l.own_value,
    l.taken_at AS held_from,
    coalesce(l.released_at, %(end)s) AS held_to
FROM lease AS l
WHERE
    l.site_id = %(site)s
    AND l.taken_at < %(end)s
    AND (l.released_at IS NULL OR l.released_at > %(start)s)
UNION ALL
SELECT
    NULL AS ref,
    r.changes -> 0 ->> 'setpoint' AS setpoint,
    (r.changes -> 0 ->> 'from_c')::double precision AS own_value,
    m.moved_at AS held_from,
    coalesce(m.ended_at, %(end)s) AS held_to
FROM recommendation AS r
INNER JOIN moment AS m ON r.recommendation_id = m.recommendation_id
WHERE
    r.site_id = %(site)s
    AND r.authority = 'advisory'
    AND r.kind = 'change'
    AND m.moved_at < %(end)s
    AND (m.ended_at IS NULL OR m.ended_at > %(start)s)
ORDER BY held_from
