-- All promotions of a task's versions in order.
SELECT
    p.model_version_id,
    p.at,
    p.actor,
    p.reason,
    p.takes_back
FROM model_promotion AS p
INNER JOIN model_version AS v ON p.model_version_id = v.model_version_id
WHERE
    v.site_id = %(site)s AND v.target = %(target)s AND v.step_s = %(step_s)s AND v.model = %(model)s
ORDER BY p.promotion_id
