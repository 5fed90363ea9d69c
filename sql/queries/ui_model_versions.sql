-- The champion of every model of a target.
SELECT
    v.model_version_id,
    v.model,
    v.trained_at,
    v.data_from,
    v.data_to,
    v.card
FROM model_version AS v
WHERE v.site_id = %(site)s AND v.target = %(target)s AND v.status = 'champion'
ORDER BY v.model
