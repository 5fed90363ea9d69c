-- Errors of the models over the steps of a window, against the measured means of the same steps. Only pairs
-- of issue and step that every model has forecast count, so that all are judged on the same.
WITH mean AS (
    SELECT
        r.point_id,
        date_bin(%(step)s, r.time, TIMESTAMPTZ '1970-01-01 00:00:00+00') AS bucket,
        avg(r.value) AS value
    FROM reading AS r
    WHERE
        r.point_id = any(%(points)s)
        AND r.time >= %(start)s AND r.time < %(end)s
        AND r.status < 32768
    GROUP BY r.point_id, bucket
),

measured AS (
    SELECT
        m.bucket,
        sum(m.value) AS value
    FROM mean AS m
    GROUP BY m.bucket
    HAVING count(*) = cardinality(%(points)s)
),

wanted AS (
    SELECT
        f.model,
        f.issued_at,
        f.valid_at,
        f.q05,
        f.q50,
        f.q95,
        m.value
    FROM forecast AS f
    INNER JOIN measured AS m ON f.valid_at = m.bucket
    WHERE
        f.site_id = %(site)s AND f.target = %(target)s
        AND f.valid_at >= %(start)s AND f.valid_at < %(end)s
        AND f.model = any(%(models)s)
),

paired AS (
    SELECT
        w.issued_at,
        w.valid_at
    FROM wanted AS w
    GROUP BY w.issued_at, w.valid_at
    HAVING count(*) = cardinality(%(models)s)
)

SELECT
    w.model,
    count(*) AS pairs,
    avg(abs(w.q50 - w.value)) AS mae_w,
    avg((w.value BETWEEN w.q05 AND w.q95)::INTEGER)::DOUBLE PRECISION AS coverage_ratio,
    min(w.valid_at) AS first_at,
    max(w.valid_at) AS last_at
FROM wanted AS w
INNER JOIN paired AS p ON w.issued_at = p.issued_at AND w.valid_at = p.valid_at
GROUP BY w.model
ORDER BY mae_w
