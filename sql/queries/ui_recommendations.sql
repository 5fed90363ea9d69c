-- The newest recommendations of a site: what asks for somebody first, then what is in hand, each with what it
-- rests on, who accepted it, the lease that it holds and the newest measured saving.
SELECT
    r.recommendation_id,
    r.kind,
    r.authority,
    r.state,
    r.version,
    r.created_at,
    r.expires_at,
    r.due_at,
    r.wakes_at,
    r.hold_until,
    r.of_recommendation_id,
    r.changes,
    r.objective,
    r.saving_p10_kw,
    r.saving_p50_kw,
    r.saving_p90_kw,
    r.attribution,
    r.prediction,
    r.verdicts,
    r.rule,
    r.plan,
    r.calibration_id,
    made.detail AS sources,
    taken.names,
    l.own_value,
    l.expires_at AS lease_until,
    l.renewed_at,
    v.saving_p10_kwh,
    v.saving_p50_kwh,
    v.saving_p90_kwh,
    v.period_from,
    v.period_to
FROM recommendation AS r
LEFT JOIN LATERAL (
    SELECT e.detail
    FROM recommendation_event AS e
    WHERE e.recommendation_id = r.recommendation_id AND e.to_state = 'proposed'
    ORDER BY e.event_id DESC
    LIMIT 1
) AS made ON TRUE
LEFT JOIN LATERAL (
    SELECT array_agg(e.actor ORDER BY e.event_id) AS names
    FROM recommendation_event AS e
    WHERE
        e.recommendation_id = r.recommendation_id
        AND (e.to_state = 'accepted' OR (e.from_state = 'awaiting_second' AND e.to_state = 'precheck'))
) AS taken ON TRUE
LEFT JOIN LATERAL (
    SELECT n.*
    FROM lease AS n
    WHERE n.recommendation_id = r.recommendation_id AND n.released_at IS NULL
    ORDER BY n.lease_id DESC
    LIMIT 1
) AS l ON TRUE
LEFT JOIN LATERAL (
    SELECT n.*
    FROM verification AS n
    WHERE n.recommendation_id = r.recommendation_id
    ORDER BY n.created_at DESC
    LIMIT 1
) AS v ON TRUE
WHERE r.site_id = %(site)s
ORDER BY
    (r.due_at IS NULL AND r.state <> 'revert_failed') ASC,
    r.created_at DESC,
    r.recommendation_id DESC
LIMIT %(count)s
