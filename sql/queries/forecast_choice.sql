-- Which model's forecast is shown and advised from at a time, and why.
SELECT
    c.model,
    c.reason,
    c.decided_at
FROM forecast_choice AS c
WHERE
    c.site_id = %(site)s AND c.target = %(target)s AND c.step_s = %(step_s)s AND c.decided_at <= %(now)s
ORDER BY c.decided_at DESC
LIMIT 1
