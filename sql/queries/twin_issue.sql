-- One issue, step by step.
SELECT
    f.valid_at,
    f.q05,
    f.q10,
    f.q25,
    f.q50,
    f.q75,
    f.q90,
    f.q95
FROM forecast AS f
WHERE
    f.site_id = %(site)s AND f.target = %(target)s AND f.step_s = %(step_s)s
    AND f.model = %(model)s AND f.issued_at = %(issued_at)s
ORDER BY f.valid_at
