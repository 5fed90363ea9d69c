-- What earlier changes saved against what was expected, newest first, mean power over the period.
SELECT
    r.changes,
    r.saving_p10_kw,
    v.created_at,
    v.saving_p90_kwh / (extract(EPOCH FROM v.period_to - v.period_from) / 3600.0) AS measured_p90_kw
FROM verification AS v
INNER JOIN recommendation AS r ON v.recommendation_id = r.recommendation_id
WHERE r.site_id = %(site)s
ORDER BY v.created_at DESC
LIMIT 100
