-- The models that have issued a forecast on a grid at a time.
SELECT DISTINCT f.model
FROM forecast AS f
WHERE
    f.site_id = %(site)s AND f.target = %(target)s AND f.step_s = %(step_s)s
    AND f.model = any(%(models)s) AND f.issued_at = %(issued_at)s
ORDER BY f.model
