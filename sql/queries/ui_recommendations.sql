-- The newest recommendations of a site, with the newest measured saving where it was verified.
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
    r.attribution,
    r.prediction,
    r.verdicts,
    r.rule,
    v.measured_kwh,
    v.counterfactual_kwh,
    v.saving_p10_kwh,
    v.saving_p50_kwh,
    v.saving_p90_kwh,
    v.period_from,
    v.period_to
FROM recommendation AS r
LEFT JOIN LATERAL (
    SELECT n.*
    FROM verification AS n
    WHERE n.recommendation_id = r.recommendation_id
    ORDER BY n.created_at DESC
    LIMIT 1
) AS v ON TRUE
WHERE r.site_id = %(site)s
ORDER BY (r.state = 'proposed') DESC, r.created_at DESC, r.recommendation_id DESC
LIMIT %(count)s
