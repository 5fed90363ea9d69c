-- A site's versions, of one task or of all, newest first, without their weights.
SELECT
    v.model_version_id,
    v.target,
    v.step_s,
    v.model,
    v.status,
    v.trained_at,
    v.data_from,
    v.data_to,
    v.card,
    v.weights IS NOT NULL AS has_weights,
    (
        SELECT max(p.at)
        FROM model_promotion AS p
        WHERE p.model_version_id = v.model_version_id
    ) AS promoted_at
FROM model_version AS v
WHERE
    v.site_id = %(site)s
    AND v.target = coalesce(%(target)s, v.target)
    AND v.step_s = coalesce(%(step_s)s, v.step_s)
    AND v.model = coalesce(%(model)s, v.model)
ORDER BY v.trained_at DESC, v.model_version_id DESC
