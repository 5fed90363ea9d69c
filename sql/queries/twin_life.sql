-- Recommendations of a site with all that decides how they go on, oldest first.
SELECT
    r.recommendation_id,
    r.kind,
    r.authority,
    r.state,
    r.version,
    r.created_at,
    r.expires_at,
    coalesce(r.due_at, CASE WHEN r.state IN ('proposed', 'snoozed') THEN r.expires_at END) AS due_at,
    r.wakes_at,
    r.hold_until,
    r.of_recommendation_id,
    r.changes,
    r.saving_p50_kw,
    NOT EXISTS (
        SELECT FROM command AS c
        WHERE c.recommendation_id = r.recommendation_id AND c.kind = 'set'
    ) AS by_hand,
    coalesce((
        SELECT e.detail - 'verdicts'
        FROM recommendation_event AS e
        WHERE e.recommendation_id = r.recommendation_id AND e.detail ? 'calibration_id'
        ORDER BY e.event_id DESC
        LIMIT 1
    ), '{}') AS sources,
    (
        SELECT max(e.at)
        FROM recommendation_event AS e
        WHERE e.recommendation_id = r.recommendation_id AND e.to_state = r.state
    ) AS since,
    (
        SELECT array_agg(e.actor ORDER BY e.event_id)
        FROM recommendation_event AS e
        WHERE
            e.recommendation_id = r.recommendation_id
            AND (e.to_state = 'accepted' OR (e.from_state = 'awaiting_second' AND e.to_state = 'precheck'))
    ) AS names,
    (
        SELECT l.own_value
        FROM lease AS l
        WHERE l.recommendation_id = r.recommendation_id
        ORDER BY l.lease_id DESC
        LIMIT 1
    ) AS own_value
FROM recommendation AS r
WHERE
    r.site_id = %(site)s
    AND r.recommendation_id = coalesce(%(id)s::bigint, r.recommendation_id)
    AND (%(states)s::text[] IS NULL OR r.state = any(%(states)s::text[]))
ORDER BY r.recommendation_id
