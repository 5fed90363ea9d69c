-- Score forecasts with the truth of a time that starts at a full hour; what was scored is scored again.
WITH truth AS (
    SELECT
        s.bucket,
        s.value
    FROM sum_by_step(%(points)s, make_interval(secs => %(step_s)s), %(start)s, %(end)s) AS s
),

scored AS (
    SELECT
        f.model,
        date_bin('1 hour', f.valid_at, '1970-01-01 00:00:00+00') AS hour,
        CASE
            WHEN f.valid_at < f.issued_at + INTERVAL '1 hour' THEN '0-1 h'
            WHEN f.valid_at < f.issued_at + INTERVAL '6 hours' THEN '1-6 h'
            WHEN f.valid_at < f.issued_at + INTERVAL '24 hours' THEN '6-24 h'
            ELSE '1-7 d'
        END AS lead,
        abs(t.value - f.q50) AS abs_error_w,
        (
            greatest(0.05 * (t.value - f.q05), 0.95 * (f.q05 - t.value))
            + greatest(0.1 * (t.value - f.q10), 0.9 * (f.q10 - t.value))
            + greatest(0.25 * (t.value - f.q25), 0.75 * (f.q25 - t.value))
            + greatest(0.5 * (t.value - f.q50), 0.5 * (f.q50 - t.value))
            + greatest(0.75 * (t.value - f.q75), 0.25 * (f.q75 - t.value))
            + greatest(0.9 * (t.value - f.q90), 0.1 * (f.q90 - t.value))
            + greatest(0.95 * (t.value - f.q95), 0.05 * (f.q95 - t.value))
        ) / 7 AS pinball_w,
        (t.value BETWEEN f.q10 AND f.q90)::INTEGER AS inside80,
        f.q90 - f.q10 AS width80_w,
        abs(t.value) AS abs_truth_w
    FROM forecast AS f
    INNER JOIN truth AS t ON f.valid_at = t.bucket
    WHERE
        f.site_id = %(site)s AND f.target = %(target)s AND f.step_s = %(step_s)s
        AND f.model = any(%(models)s)
        AND f.issued_at > %(start)s::TIMESTAMPTZ - %(horizon)s::INTERVAL AND f.issued_at < %(end)s
        AND f.valid_at >= %(start)s AND f.valid_at < %(end)s
)

INSERT INTO forecast_score (
    site_id, target, step_s, model, hour, lead,
    steps, abs_error_w, square_error_w2, pinball_w, inside80, width80_w, abs_truth_w
)
SELECT
    %(site)s,
    %(target)s,
    %(step_s)s,
    s.model,
    s.hour,
    s.lead,
    count(*) AS steps,
    sum(s.abs_error_w) AS abs_error_w,
    sum(s.abs_error_w * s.abs_error_w) AS square_error_w2,
    sum(s.pinball_w) AS pinball_w,
    sum(s.inside80) AS inside80,
    sum(s.width80_w) AS width80_w,
    sum(s.abs_truth_w) AS abs_truth_w
FROM scored AS s
GROUP BY s.model, s.hour, s.lead
ON CONFLICT (site_id, target, step_s, model, hour, lead) DO UPDATE SET
    steps = excluded.steps,
    abs_error_w = excluded.abs_error_w,
    square_error_w2 = excluded.square_error_w2,
    pinball_w = excluded.pinball_w,
    inside80 = excluded.inside80,
    width80_w = excluded.width80_w,
    abs_truth_w = excluded.abs_truth_w
