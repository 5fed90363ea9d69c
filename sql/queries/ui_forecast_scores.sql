-- Errors of each model by lead time, and over all leads (all). Pinball losses are compared with the naive
-- over the hours and leads for which both were scored.
WITH cell AS (
    SELECT
        s.model,
        s.lead,
        s.steps,
        s.abs_error_w,
        s.inside80,
        least(s.steps, n.steps) * s.pinball_w / s.steps AS pinball_w,
        least(s.steps, n.steps) * n.pinball_w / n.steps AS naive_pinball_w
    FROM forecast_score AS s
    LEFT JOIN forecast_score AS n
        ON
            s.site_id = n.site_id AND s.target = n.target AND s.step_s = n.step_s AND s.hour = n.hour
            AND s.lead = n.lead AND n.model = %(naive)s AND n.steps > 0
            AND n.hour >= %(start)s AND n.hour < %(end)s
    WHERE
        s.site_id = %(site)s AND s.target = %(target)s AND s.step_s = %(step_s)s
        AND s.model = any(%(models)s::TEXT[]) AND s.hour >= %(start)s AND s.hour < %(end)s
        AND s.steps > 0
)

SELECT
    c.model,
    coalesce(c.lead, 'all') AS lead,
    sum(c.steps)::BIGINT AS steps,
    sum(c.abs_error_w) / sum(c.steps) AS mae_w,
    sum(c.inside80)::DOUBLE PRECISION / sum(c.steps) AS coverage80_ratio,
    sum(c.pinball_w) FILTER (WHERE c.naive_pinball_w IS NOT NULL)
    / nullif(sum(c.naive_pinball_w), 0) AS pinball_ratio
FROM cell AS c
GROUP BY GROUPING SETS ((c.model, c.lead), (c.model))
ORDER BY lead, mae_w
