-- How often the truth lay at or below each quantile of a model's forecasts that came from one version.
WITH truth AS (
    SELECT
        s.bucket,
        s.value
    FROM sum_by_step(%(points)s, make_interval(secs => %(step_s)s), %(start)s, %(end)s) AS s
)

SELECT
    count(*) AS steps,
    avg((t.value <= f.q05)::INTEGER)::DOUBLE PRECISION AS q05,
    avg((t.value <= f.q10)::INTEGER)::DOUBLE PRECISION AS q10,
    avg((t.value <= f.q25)::INTEGER)::DOUBLE PRECISION AS q25,
    avg((t.value <= f.q50)::INTEGER)::DOUBLE PRECISION AS q50,
    avg((t.value <= f.q75)::INTEGER)::DOUBLE PRECISION AS q75,
    avg((t.value <= f.q90)::INTEGER)::DOUBLE PRECISION AS q90,
    avg((t.value <= f.q95)::INTEGER)::DOUBLE PRECISION AS q95
FROM forecast AS f
INNER JOIN truth AS t ON f.valid_at = t.bucket
WHERE
    f.site_id = %(site)s AND f.target = %(target)s AND f.step_s = %(step_s)s AND f.model = %(model)s
    AND f.model_version_id = %(model_version_id)s
    AND f.issued_at > %(start)s::TIMESTAMPTZ - %(horizon)s::INTERVAL AND f.issued_at < %(end)s
    AND f.valid_at >= %(start)s AND f.valid_at < %(end)s
