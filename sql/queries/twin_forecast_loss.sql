-- A model's loss over the reference's on the hours that both have forecast, as far ahead as advice acts.
SELECT
    count(DISTINCT m.hour) AS hours,
    sum(least(m.steps, r.steps) * m.pinball_w / m.steps)
    / nullif(sum(least(m.steps, r.steps) * r.pinball_w / r.steps), 0) AS ratio
FROM forecast_score AS m
INNER JOIN forecast_score AS r
    ON
        m.site_id = r.site_id AND m.target = r.target AND m.step_s = r.step_s
        AND m.hour = r.hour AND m.lead = r.lead
WHERE
    m.site_id = %(site)s AND m.target = %(target)s AND m.step_s = %(step_s)s
    AND m.model = %(model)s AND r.model = %(reference)s
    AND m.lead IN ('0-1 h', '1-6 h')
    AND m.hour >= %(since)s AND m.hour < %(now)s
