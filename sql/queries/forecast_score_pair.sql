-- Two models' loss on the hours and leads that both have forecast.
SELECT
    count(DISTINCT a.hour) AS hours,
    sum(least(a.steps, b.steps) * a.pinball_w / a.steps) / sum(least(a.steps, b.steps)) AS one_w,
    sum(least(a.steps, b.steps) * b.pinball_w / b.steps) / sum(least(a.steps, b.steps)) AS other_w
FROM forecast_score AS a
INNER JOIN forecast_score AS b
    ON
        a.site_id = b.site_id AND a.target = b.target AND a.step_s = b.step_s
        AND a.hour = b.hour AND a.lead = b.lead
WHERE
    a.site_id = %(site)s AND a.target = %(target)s AND a.step_s = %(step_s)s
    AND a.model = %(one)s AND b.model = %(other)s
    AND a.hour >= %(start)s AND a.hour < %(end)s
