-- Forecasts as they were issued in a period, each as arrays: of the model that was chosen then, or of all.
WITH issues AS (
    SELECT DISTINCT
        f.model,
        f.issued_at
    FROM forecast AS f
    WHERE
        f.site_id = %(site)s AND f.target = %(target)s AND f.step_s = %(step_s)s
        AND f.issued_at >= %(start)s AND f.issued_at < %(end)s
),

chosen AS (
    SELECT
        i.model,
        i.issued_at
    FROM issues AS i
    LEFT JOIN LATERAL (
        SELECT c.model
        FROM forecast_choice AS c
        WHERE
            c.site_id = %(site)s AND c.target = %(target)s AND c.step_s = %(step_s)s
            AND c.decided_at <= i.issued_at
        ORDER BY c.decided_at DESC
        LIMIT 1
    ) AS c ON TRUE
    WHERE c.model IS NULL OR c.model = i.model
)

SELECT
    f.model,
    f.issued_at,
    array_agg(f.valid_at ORDER BY f.valid_at) AS valid_at,
    array_agg(f.q10 ORDER BY f.valid_at) AS q10,
    array_agg(f.q50 ORDER BY f.valid_at) AS q50,
    array_agg(f.q90 ORDER BY f.valid_at) AS q90
FROM forecast AS f
INNER JOIN chosen AS c ON f.model = c.model AND f.issued_at = c.issued_at
WHERE
    f.site_id = %(site)s AND f.target = %(target)s AND f.step_s = %(step_s)s
    AND f.issued_at >= %(start)s AND f.issued_at < %(end)s
GROUP BY f.model, f.issued_at
ORDER BY f.issued_at, f.model
