-- The saving of each day, newest first.
SELECT
    d.day,
    d.period_from,
    d.period_to,
    d.measured_kwh,
    d.saving_p10_kwh,
    d.saving_p50_kwh,
    d.saving_p90_kwh,
    d.cost_p50,
    d.carbon_p50_kg,
    d.water_p50_l,
    d.share,
    d.complete_ratio,
    d.calibration_id
FROM saving_day AS d
WHERE d.site_id = %(site)s
ORDER BY d.day DESC
