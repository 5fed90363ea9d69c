-- Errors of each model over a window by lead time, and over all leads ('all'). Only issues that every model
-- of the window has made count, so that all are judged on the same steps.
WITH truth AS (
    SELECT
        s.bucket,
        s.value
    FROM sum_by_step(%(points)s, %(step)s, %(start)s, %(end)s) AS s
),

wanted AS (
    SELECT
        f.model,
        f.issued_at,
        f.valid_at,
        f.q10,
        f.q50,
        f.q90,
        t.value,
        CASE
            WHEN f.valid_at < f.issued_at + INTERVAL '1 hour' THEN '0-1 h'
            WHEN f.valid_at < f.issued_at + INTERVAL '6 hours' THEN '1-6 h'
            ELSE '6-24 h'
        END AS lead
    FROM forecast AS f
    INNER JOIN truth AS t ON f.valid_at = t.bucket
    WHERE
        f.site_id = %(site)s AND f.target = %(target)s
        AND f.valid_at >= %(start)s AND f.valid_at < %(end)s
),

paired AS (
    SELECT w.issued_at
    FROM wanted AS w
    GROUP BY w.issued_at
    HAVING count(DISTINCT w.model) = (SELECT count(DISTINCT a.model) FROM wanted AS a)
)

SELECT
    w.model,
    coalesce(w.lead, 'all') AS lead,
    count(*) AS steps,
    avg(abs(w.q50 - w.value)) AS mae_w,
    avg((w.value BETWEEN w.q10 AND w.q90)::INTEGER)::DOUBLE PRECISION AS coverage80_ratio
FROM wanted AS w
INNER JOIN paired AS p ON w.issued_at = p.issued_at
GROUP BY GROUPING SETS ((w.model, w.lead), (w.model))
ORDER BY lead, mae_w
