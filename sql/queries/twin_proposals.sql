-- Proposals that stand, oldest first; locked, so that nobody decides on one meanwhile.
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
    r.calibration_id
FROM recommendation AS r
WHERE r.site_id = %(site)s AND r.state = 'proposed'
ORDER BY r.recommendation_id
FOR UPDATE
