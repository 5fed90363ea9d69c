-- Recommendations in force whose saving has not been measured, with the time they came into force.
SELECT
    r.recommendation_id,
    r.state,
    r.version,
    r.created_at,
    r.expires_at,
    r.changes,
    r.objective,
    r.saving_p10_kw,
    r.saving_p50_kw,
    r.saving_p90_kw,
    r.prediction,
    r.calibration_id,
    e.at AS applied_at
FROM recommendation AS r
INNER JOIN recommendation_event AS e ON r.recommendation_id = e.recommendation_id AND e.to_state = 'applied'
WHERE r.site_id = %(site)s AND r.state = 'applied'
ORDER BY e.at
