-- Advice in shadow against what operators did, newest first.
SELECT
    r.recommendation_id AS number,
    r.changes,
    r.saving_p10_kw AS promised_p10_kw,
    r.saving_p50_kw AS promised_p50_kw,
    r.saving_p90_kw AS promised_p90_kw,
    s.period_from,
    s.period_to,
    s.advised_kwh,
    s.operators_kwh
FROM shadow_score AS s
INNER JOIN recommendation AS r ON s.recommendation_id = r.recommendation_id
WHERE r.site_id = %(site)s
ORDER BY s.period_to DESC
LIMIT %(count)s
