-- How advice on a setpoint did since its authority began: what was measured, or scored where it was only
-- shown, and what went wrong.
WITH mine AS (
    SELECT
        r.recommendation_id,
        r.created_at,
        r.saving_p10_kw,
        r.saving_p90_kw
    FROM recommendation AS r
    WHERE
        r.site_id = %(site)s
        AND r.created_at >= coalesce(%(since)s::timestamptz, '-infinity')
        AND r.authority = %(authority)s
        AND r.changes @> jsonb_build_array(jsonb_build_object('setpoint', %(setpoint)s::text))
),

measured AS (
    SELECT
        v.saving_p50_kwh / (extract(EPOCH FROM v.period_to - v.period_from) / 3600.0)
        BETWEEN m.saving_p10_kw AND m.saving_p90_kw AS covered
    FROM mine AS m
    INNER JOIN verification AS v ON m.recommendation_id = v.recommendation_id
    UNION ALL
    SELECT
        s.advised_kwh / (extract(EPOCH FROM s.period_to - s.period_from) / 3600.0)
        BETWEEN m.saving_p10_kw AND m.saving_p90_kw AS covered
    FROM mine AS m
    INNER JOIN shadow_score AS s ON m.recommendation_id = s.recommendation_id
)

SELECT
    (SELECT min(m.created_at) FROM mine AS m) AS first_at,
    (SELECT count(*) FROM measured) AS number,
    (SELECT count(*) FILTER (WHERE d.covered) FROM measured AS d) AS covered,
    (
        SELECT count(*)
        FROM mine AS m
        INNER JOIN recommendation_event AS e ON m.recommendation_id = e.recommendation_id
        WHERE e.detail ? 'breach' AND e.from_state IS DISTINCT FROM e.to_state
    ) AS breaches
