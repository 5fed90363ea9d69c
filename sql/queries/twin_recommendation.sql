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
WHERE r.recommendation_id = %(id)s AND r.site_id = coalesce(%(site)s, r.site_id)
FOR UPDATE
