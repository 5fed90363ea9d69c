-- Recommendations that were made in a period, oldest first, with their state now and the saving that was
-- measured of them in whatever period was looked at last.
SELECT
    r.recommendation_id AS number,
    r.created_at,
    r.state,
    r.authority,
    r.changes,
    r.saving_p10_kw,
    r.saving_p50_kw,
    r.saving_p90_kw,
    v.saving_p10_kwh,
    v.saving_p50_kwh,
    v.saving_p90_kwh
FROM recommendation AS r
LEFT JOIN LATERAL (
    SELECT n.*
    FROM verification AS n
    WHERE n.recommendation_id = r.recommendation_id
    ORDER BY n.created_at DESC
    LIMIT 1
) AS v ON TRUE
WHERE r.site_id = %(site)s AND r.created_at >= %(start)s AND r.created_at < %(end)s
ORDER BY r.created_at, r.recommendation_id
