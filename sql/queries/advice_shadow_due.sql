-- Advice in shadow whose hours are over and that has no score yet.
SELECT
    r.recommendation_id,
    r.changes,
    r.created_at,
    r.expires_at
FROM recommendation AS r
LEFT JOIN shadow_score AS s ON r.recommendation_id = s.recommendation_id
WHERE
    r.site_id = %(site)s
    AND r.authority = 'shadow'
    AND r.state = 'expired'
    AND r.expires_at BETWEEN %(since)s AND %(now)s
    AND s.recommendation_id IS NULL
ORDER BY r.expires_at
LIMIT 20
