-- What happened at a site in a period, newest first: alarms that came and went, notifications, steps of
-- recommendations that somebody may want to know of, decisions to stop everything or to go on.
SELECT
    a.raised_at AS at,
    a.kind,
    a.priority::integer AS priority,
    NULL::bigint AS number,
    a.message AS said,
    '' AS actor
FROM alarm AS a
WHERE a.site_id = %(site)s AND a.raised_at >= %(start)s AND a.raised_at < %(end)s
UNION ALL
SELECT
    a.cleared_at AS at,
    'cleared' AS kind,
    a.priority::integer AS priority,
    NULL AS number,
    a.message AS said,
    '' AS actor
FROM alarm AS a
WHERE a.site_id = %(site)s AND a.kind = 'alarm' AND a.cleared_at >= %(start)s AND a.cleared_at < %(end)s
UNION ALL
SELECT
    e.at,
    'advice' AS kind,
    NULL AS priority,
    e.recommendation_id AS number,
    e.to_state AS said,
    e.actor
FROM recommendation_event AS e
INNER JOIN recommendation AS r ON e.recommendation_id = r.recommendation_id
WHERE
    r.site_id = %(site)s
    AND e.at >= %(start)s
    AND e.at < %(end)s
    AND e.to_state = any(%(states)s)
UNION ALL
SELECT
    s.at,
    'hold' AS kind,
    NULL AS priority,
    NULL AS number,
    s.value AS said,
    s.actor
FROM advice_setting AS s
WHERE s.site_id = %(site)s AND s.kind = 'hold' AND s.at >= %(start)s AND s.at < %(end)s
ORDER BY at DESC
LIMIT %(count)s
