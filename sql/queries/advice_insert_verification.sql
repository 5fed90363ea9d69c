INSERT INTO verification (
    recommendation_id, period_from, period_to, measured_kwh, counterfactual_kwh,
    saving_p10_kwh, saving_p50_kwh, saving_p90_kwh, cost_p50, carbon_p50_kg, water_p50_l, detail, created_at
)
VALUES (
    %(id)s,
    %(period_from)s,
    %(period_to)s,
    %(measured)s,
    %(counterfactual)s,
    %(p10)s,
    %(p50)s,
    %(p90)s,
    %(cost)s,
    %(carbon)s,
    %(water)s,
    %(detail)s,
    %(now)s
)
