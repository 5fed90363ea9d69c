-- The newest versions of each target's models, without their weights; the one in force is always among them,
-- with who put it there and why.
WITH numbered AS (
    SELECT
        v.model_version_id,
        row_number() OVER (
            PARTITION BY v.target, v.step_s ORDER BY v.trained_at DESC, v.model_version_id DESC
        ) AS place
    FROM model_version AS v
    WHERE v.site_id = %(site)s
)

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
    p.actor,
    p.reason
FROM model_version AS v
INNER JOIN numbered AS n ON v.model_version_id = n.model_version_id
LEFT JOIN LATERAL (
    SELECT
        m.actor,
        m.reason
    FROM model_promotion AS m
    WHERE m.model_version_id = v.model_version_id AND v.status = 'champion'
    ORDER BY m.promotion_id DESC
    LIMIT 1
) AS p ON true
WHERE n.place <= %(newest)s OR v.status = 'champion'
ORDER BY v.target DESC, v.step_s ASC, v.trained_at DESC, v.model_version_id DESC
