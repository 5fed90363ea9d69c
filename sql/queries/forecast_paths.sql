-- Scenarios of one issue in their order.
SELECT p.values_w
FROM forecast_path AS p
WHERE
    p.site_id = %(site)s AND p.target = %(target)s AND p.step_s = %(step_s)s
    AND p.model = %(model)s AND p.issued_at = %(issued_at)s
ORDER BY p.path
