-- The versions of a model for a target, newest first, without their weights.
SELECT
    v.model_version_id,
    v.target,
    v.model,
    v.status,
    v.trained_at,
    v.data_from,
    v.data_to,
    v.card
FROM model_version AS v
WHERE v.site_id = %(site)s AND v.target = %(target)s AND v.model = %(model)s
ORDER BY v.trained_at DESC, v.model_version_id DESC
