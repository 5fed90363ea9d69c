-- Day by day: a model's loss beside the reference's on the hours and leads that both have forecast, and how
-- much of the truth the band of what is served has held.
WITH wanted AS (
    SELECT
        s.*,
        (s.hour AT TIME ZONE %(timezone)s)::DATE AS day
    FROM forecast_score AS s
    WHERE
        s.site_id = %(site)s AND s.target = %(target)s AND s.step_s = %(step_s)s
        AND s.hour >= %(start)s AND s.hour < %(end)s
),

served AS (
    SELECT
        w.day,
        sum(w.inside80)::DOUBLE PRECISION / sum(w.steps) AS inside_ratio
    FROM wanted AS w
    WHERE w.model = %(served)s
    GROUP BY w.day
),

paired AS (
    SELECT
        m.day,
        sum(least(m.steps, r.steps)) AS steps,
        sum(least(m.steps, r.steps) * m.pinball_w / m.steps) AS pinball_w,
        sum(least(m.steps, r.steps) * r.pinball_w / r.steps) AS reference_w
    FROM wanted AS m
    INNER JOIN wanted AS r ON m.hour = r.hour AND m.lead = r.lead AND r.model = %(reference)s
    WHERE m.model = %(model)s
    GROUP BY m.day
)

SELECT
    p.day,
    p.pinball_w / p.steps AS pinball_w,
    p.reference_w / p.steps AS reference_w,
    coalesce(v.inside_ratio, 'NaN') AS inside_ratio
FROM paired AS p
LEFT JOIN served AS v ON p.day = v.day
ORDER BY p.day
