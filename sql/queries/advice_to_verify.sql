-- Recommendations whose setpoint was held and whose saving has not been measured, with their moments.
WITH moment AS (
    SELECT
        e.recommendation_id,
        min(e.at) FILTER (WHERE e.to_state = 'applied') AS moved_at,
        min(e.at) FILTER (WHERE e.to_state = 'holding') AS held_at,
        min(e.at) FILTER (WHERE e.from_state = 'holding') AS ended_at
    FROM recommendation_event AS e
    GROUP BY e.recommendation_id
)

SELECT
    r.recommendation_id,
    r.changes,
    r.saving_p10_kw,
    r.saving_p50_kw,
    m.moved_at,
    m.held_at,
    m.ended_at
FROM recommendation AS r
INNER JOIN moment AS m ON r.recommendation_id = m.recommendation_id
LEFT JOIN verification AS v ON r.recommendation_id = v.recommendation_id
WHERE
    r.site_id = %(site)s
    AND r.kind <> 'revert'
    AND m.moved_at IS NOT NULL
    AND m.held_at >= %(since)s
    AND v.verification_id IS NULL
ORDER BY m.held_at
