-- What stands behind given issues of a target on one grid.
SELECT
    n.model,
    n.note
FROM unnest(%(models)s::TEXT[], %(issued)s::TIMESTAMPTZ[]) AS w (model, issued_at)
INNER JOIN forecast_note AS n ON w.model = n.model AND w.issued_at = n.issued_at
WHERE n.site_id = %(site)s AND n.target = %(target)s AND n.step_s = %(step_s)s
