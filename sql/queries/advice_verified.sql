-- What was promised and what was verified, newest first, as mean power [kW].
WITH lasted AS (
    SELECT
        v.*,
        extract(EPOCH FROM v.period_to - v.period_from) / 3600.0 AS hours
    FROM verification AS v
)

SELECT
    r.recommendation_id AS number,
    r.changes,
    r.saving_p10_kw AS promised_p10_kw,
    r.saving_p50_kw AS promised_p50_kw,
    r.saving_p90_kw AS promised_p90_kw,
    (r.prediction ->> 'interval_scale')::double precision AS promised_scale,
    v.saving_p10_kwh / v.hours AS verified_p10_kw,
    v.saving_p50_kwh / v.hours AS verified_p50_kw,
    v.saving_p90_kwh / v.hours AS verified_p90_kw,
    v.period_from,
    v.period_to,
    v.measured_kwh,
    v.counterfactual_kwh,
    v.saving_p50_kwh,
    v.cost_p50,
    v.carbon_p50_kg,
    v.water_p50_l,
    v.created_at
FROM lasted AS v
INNER JOIN recommendation AS r ON v.recommendation_id = r.recommendation_id
WHERE r.site_id = %(site)s
ORDER BY v.created_at DESC, v.verification_id DESC
LIMIT %(count)s
