-- What happened in a period beside the readings, oldest first: alarms that came, and what became of advice.
SELECT
    a.raised_at AS at,
    'alarm' AS kind,
    a.priority,
    a.message AS said,
    NULL AS recommendation_id
FROM alarm AS a
WHERE
    a.site_id = %(site)s
    AND a.raised_at >= %(start)s
    AND a.raised_at < %(end)s
UNION ALL
SELECT
    e.at,
    'recommendation' AS kind,
    NULL AS priority,
    e.to_state AS said,
    e.recommendation_id
FROM recommendation_event AS e
INNER JOIN recommendation AS r ON e.recommendation_id = r.recommendation_id
WHERE
    r.site_id = %(site)s
    AND e.at >= %(start)s
    AND e.at < %(end)s
ORDER BY at, kind, recommendation_id
LIMIT %(count)s
