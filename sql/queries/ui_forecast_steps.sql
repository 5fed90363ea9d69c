-- The steps of given issues of a target on one grid.
SELECT
    f.model,
    f.issued_at,
    f.valid_at,
    f.step_s,
    f.q05,
    f.q25,
    f.q50,
    f.q75,
    f.q95,
    f.model_version_id
FROM unnest(%(models)s::TEXT[], %(issued)s::TIMESTAMPTZ[]) AS w (model, issued_at)
INNER JOIN forecast AS f ON w.model = f.model AND w.issued_at = f.issued_at
WHERE f.site_id = %(site)s AND f.target = %(target)s AND f.step_s = %(step_s)s
ORDER BY f.model, f.valid_at
