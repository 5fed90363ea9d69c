-- The saving of a day, written anew while the day is not over.
INSERT INTO saving_day (
    site_id, day, period_from, period_to, measured_kwh, saving_p10_kwh, saving_p50_kwh, saving_p90_kwh,
    cost_p50, carbon_p50_kg, water_p50_l, share, complete_ratio, calibration_id, created_at
)
VALUES (
    %(site)s,
    %(day)s,
    %(start)s,
    %(end)s,
    %(measured)s,
    %(p10)s,
    %(p50)s,
    %(p90)s,
    %(cost)s,
    %(carbon)s,
    %(water)s,
    %(share)s,
    %(complete)s,
    %(calibration)s,
    %(now)s
)
ON CONFLICT (site_id, day) DO UPDATE SET
    period_to = excluded.period_to,
    measured_kwh = excluded.measured_kwh,
    saving_p10_kwh = excluded.saving_p10_kwh,
    saving_p50_kwh = excluded.saving_p50_kwh,
    saving_p90_kwh = excluded.saving_p90_kwh,
    cost_p50 = excluded.cost_p50,
    carbon_p50_kg = excluded.carbon_p50_kg,
    water_p50_l = excluded.water_p50_l,
    share = excluded.share,
    complete_ratio = excluded.complete_ratio,
    calibration_id = excluded.calibration_id,
    created_at = excluded.created_at
