-- Recommendations that are written, or that wait for it, with the states of their setpoints' commands.
SELECT
    r.recommendation_id,
    r.state,
    r.due_at,
    r.hold_until,
    a.actor AS issued_by,
    coalesce(s.actor, a.actor) AS approved_by,
    c.queued,
    c.unanswered,
    c.unapplied,
    c.lost,
    c.reasons,
    c.last_not_before,
    h.stopped,
    (
        SELECT max(j.started_at) FROM job_run AS j
        WHERE j.job = 'twin.guard' AND j.state = 'ok'
    ) AS watched_at
FROM recommendation AS r
CROSS JOIN
    LATERAL (
        SELECT
            count(*) AS total,
            count(*) FILTER (WHERE q.state = 'queued') AS queued,
            count(*) FILTER (WHERE q.state = 'sent') AS unanswered,
            count(*) FILTER (WHERE q.state IN ('sent', 'acknowledged')) AS unapplied,
            count(*) FILTER (WHERE q.state IN ('refused', 'expired', 'failed')) AS lost,
            string_agg(q.asset_id || '/' || q.point || ': ' || q.reason, '; ' ORDER BY q.step, q.point)
            FILTER (WHERE q.state IN ('refused', 'expired', 'failed')) AS reasons,
            max(q.not_before) AS last_not_before
        FROM command AS q
        WHERE q.recommendation_id = r.recommendation_id AND q.kind = 'set'
    ) AS c
LEFT JOIN LATERAL (
    SELECT e.actor FROM recommendation_event AS e
    WHERE e.recommendation_id = r.recommendation_id AND e.to_state = 'accepted'
    ORDER BY e.event_id DESC
    LIMIT 1
) AS a ON TRUE
LEFT JOIN LATERAL (
    SELECT e.actor FROM recommendation_event AS e
    WHERE
        e.recommendation_id = r.recommendation_id
        AND e.from_state = 'awaiting_second' AND e.to_state = 'precheck'
    ORDER BY e.event_id DESC
    LIMIT 1
) AS s ON TRUE
LEFT JOIN LATERAL (
    SELECT CASE WHEN d.value = 'on' THEN d.actor END AS stopped
    FROM advice_setting AS d
    WHERE d.site_id = r.site_id AND d.kind = 'hold' AND d.scope = ''
    ORDER BY d.setting_id DESC
    LIMIT 1
) AS h ON TRUE
WHERE r.site_id = %(site)s AND r.state = any(%(states)s) AND (c.total > 0 OR r.state = 'queued')
ORDER BY r.recommendation_id
