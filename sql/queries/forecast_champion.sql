-- The version of a model that is in force for a target on a grid.
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
    v.weights,
    v.weights_sha256,
    (
        SELECT max(p.at)
        FROM model_promotion AS p
        WHERE p.model_version_id = v.model_version_id
    ) AS promoted_at
FROM model_version AS v
WHERE
    v.site_id = %(site)s AND v.target = %(target)s AND v.step_s = %(step_s)s AND v.model = %(model)s
    AND v.status = 'champion'
