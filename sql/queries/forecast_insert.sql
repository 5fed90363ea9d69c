-- One forecast, all of its steps; what has been issued once stays as it was.
INSERT INTO forecast (
    site_id, target, model, issued_at, valid_at, step_s, q05, q10, q25, q50, q75, q90, q95, model_version_id
)
SELECT
    %(site)s,
    %(target)s,
    %(model)s,
    %(issued_at)s,
    n.valid_at,
    %(step_s)s,
    n.q05,
    n.q10,
    n.q25,
    n.q50,
    n.q75,
    n.q90,
    n.q95,
    %(model_version_id)s
FROM
    unnest(
        %(valid_at)s::TIMESTAMPTZ[],
        %(q05)s::DOUBLE PRECISION[],
        %(q10)s::DOUBLE PRECISION[],
        %(q25)s::DOUBLE PRECISION[],
        %(q50)s::DOUBLE PRECISION[],
        %(q75)s::DOUBLE PRECISION[],
        %(q90)s::DOUBLE PRECISION[],
        %(q95)s::DOUBLE PRECISION[]
    ) AS n (valid_at, q05, q10, q25, q50, q75, q90, q95)
ON CONFLICT (site_id, target, step_s, model, issued_at, valid_at) DO NOTHING
