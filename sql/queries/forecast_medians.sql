-- Medians of a model's past issues at the same time of the day as a given one.
SELECT
    f.issued_at,
    f.valid_at,
    f.q50
FROM forecast AS f
WHERE
    f.site_id = %(site)s AND f.target = %(target)s AND f.step_s = %(step_s)s AND f.model = %(model)s
    AND f.issued_at = ANY(%(issued)s::TIMESTAMPTZ[])
ORDER BY f.issued_at, f.valid_at
