-- Changes in force whose saving has not been measured, with the time they came into force.
SELECT
    r.changes,
    e.at AS applied_at
FROM recommendation AS r
INNER JOIN recommendation_event AS e ON r.recommendation_id = e.recommendation_id AND e.to_state = 'applied'
WHERE
    r.site_id = %(site)s
    AND r.kind = 'change'
    AND r.state IN ('applied', 'ramping', 'holding')
    AND e.from_state <> 'applied'
    AND NOT EXISTS (
        SELECT FROM verification AS v
        WHERE v.recommendation_id = r.recommendation_id
    )
ORDER BY e.at
