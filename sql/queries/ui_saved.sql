-- What was saved from one day to another, both included; days share the twin's error, so spreads add up.
-- Money and carbon are none where a day's are not known.
SELECT
    count(*)::integer AS days,
    coalesce(sum(d.saving_p10_kwh), 0) AS p10_kwh,
    coalesce(sum(d.saving_p50_kwh), 0) AS p50_kwh,
    coalesce(sum(d.saving_p90_kwh), 0) AS p90_kwh,
    CASE WHEN count(*) = count(d.cost_p50) THEN sum(d.cost_p50) END AS cost,
    CASE WHEN count(*) = count(d.carbon_p50_kg) THEN sum(d.carbon_p50_kg) END AS carbon_kg
FROM saving_day AS d
WHERE d.site_id = %(site)s AND d.day >= %(first)s AND d.day <= %(last)s
