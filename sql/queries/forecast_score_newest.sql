-- The last hour that has been scored; NULL before the first.
SELECT max(s.hour) AS hour
FROM forecast_score AS s
WHERE s.site_id = %(site)s AND s.target = %(target)s AND s.step_s = %(step_s)s
