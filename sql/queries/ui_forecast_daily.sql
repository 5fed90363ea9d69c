-- One model by day of the site: its pinball loss over the naive's, and what its band from q10 to q90 held.
SELECT
    (s.hour AT TIME ZONE %(zone)s)::DATE AS day,
    sum(s.inside80)::DOUBLE PRECISION / sum(s.steps) AS coverage80_ratio,
    sum(least(s.steps, n.steps) * s.pinball_w / s.steps) FILTER (WHERE n.steps > 0)
    / nullif(sum(least(s.steps, n.steps) * n.pinball_w / n.steps), 0) AS pinball_ratio
FROM forecast_score AS s
LEFT JOIN forecast_score AS n
    ON
        s.site_id = n.site_id AND s.target = n.target AND s.step_s = n.step_s AND s.hour = n.hour
        AND s.lead = n.lead AND n.model = %(naive)s AND n.steps > 0
        AND n.hour >= %(start)s AND n.hour < %(end)s
WHERE
    s.site_id = %(site)s AND s.target = %(target)s AND s.step_s = %(step_s)s AND s.model = %(model)s
    AND s.hour >= %(start)s AND s.hour < %(end)s AND s.steps > 0
GROUP BY day
ORDER BY day
