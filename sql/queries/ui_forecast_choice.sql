-- Which model counts for a target on a grid, and why.
SELECT
    c.model,
    c.decided_at,
    c.reason
FROM forecast_choice AS c
WHERE c.site_id = %(site)s AND c.target = %(target)s AND c.step_s = %(step_s)s
ORDER BY c.decided_at DESC
LIMIT 1
