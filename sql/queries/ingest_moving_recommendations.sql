-- Recommendations on their way into the plant, with the states of their commands.
SELECT
    r.recommendation_id,
    r.state,
    count(*) AS total,
    count(*) FILTER (WHERE c.state = 'queued') AS queued,
    count(*) FILTER (WHERE c.state = 'applied') AS applied,
    count(*) FILTER (WHERE c.state IN ('refused', 'expired', 'failed')) AS lost,
    string_agg(c.asset_id || '/' || c.point || ': ' || c.reason, '; ' ORDER BY c.point)
    FILTER (WHERE c.state IN ('refused', 'expired', 'failed')) AS reasons
FROM recommendation AS r
INNER JOIN command AS c ON r.recommendation_id = c.recommendation_id
WHERE r.site_id = %(site)s AND r.state IN ('accepted', 'sent')
GROUP BY r.recommendation_id, r.state
ORDER BY r.recommendation_id
