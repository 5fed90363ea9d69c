-- Errors of each model over a time by lead, and over all leads ('all'). Ratios are to the reference model on
-- the hours and leads that both have forecast: a model that was away for a while is judged on the same.
WITH wanted AS (
    SELECT s.*
    FROM forecast_score AS s
    WHERE
        s.site_id = %(site)s AND s.target = %(target)s AND s.step_s = %(step_s)s
        AND s.hour >= %(start)s AND s.hour < %(end)s
),

paired AS (
    SELECT
        w.*,
        least(w.steps, r.steps) * w.pinball_w / w.steps AS own_pinball_w,
        least(w.steps, r.steps) * r.pinball_w / r.steps AS reference_pinball_w,
        least(w.steps, r.steps) * w.abs_error_w / w.steps AS own_error_w,
        least(w.steps, r.steps) * r.abs_error_w / r.steps AS reference_error_w
    FROM wanted AS w
    LEFT JOIN wanted AS r ON w.hour = r.hour AND w.lead = r.lead AND r.model = %(reference)s
)

SELECT
    p.model,
    coalesce(p.lead, 'all') AS lead,
    sum(p.steps)::INTEGER AS steps,
    count(DISTINCT p.hour) AS hours,
    sum(p.abs_error_w) / sum(p.steps) AS mae_w,
    sqrt(sum(p.square_error_w2) / sum(p.steps)) AS rmse_w,
    sum(p.pinball_w) / sum(p.steps) AS pinball_w,
    2 * sum(p.pinball_w) / nullif(sum(p.abs_truth_w), 0) AS wql,
    sum(p.inside80)::DOUBLE PRECISION / sum(p.steps) AS coverage80_ratio,
    sum(p.width80_w) / sum(p.steps) AS width80_w,
    sum(p.own_pinball_w) / nullif(sum(p.reference_pinball_w), 0) AS pinball_ratio,
    sum(p.own_error_w) / nullif(sum(p.reference_error_w), 0) AS mae_ratio
FROM paired AS p
GROUP BY GROUPING SETS ((p.model, p.lead), (p.model))
ORDER BY lead, pinball_w
