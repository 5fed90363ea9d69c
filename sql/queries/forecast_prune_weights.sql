-- Weights of a task's versions beyond the newest go, but for some that may be needed again; cards stay.
UPDATE model_version AS v
SET weights = NULL
WHERE
    v.weights IS NOT NULL
    AND v.model_version_id <> ALL(%(spared)s)
    AND v.model_version_id IN (
        SELECT o.model_version_id
        FROM model_version AS o
        WHERE
            o.site_id = %(site)s AND o.target = %(target)s AND o.step_s = %(step_s)s AND o.model = %(model)s
        ORDER BY o.trained_at DESC, o.model_version_id DESC
        OFFSET %(kept)s
    )
