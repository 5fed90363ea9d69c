-- One recommendation with everything that is on record of it.
SELECT
    r.recommendation_id AS number,
    r.version,
    r.kind,
    r.of_recommendation_id AS of_number,
    r.state,
    r.authority,
    r.created_at,
    r.expires_at,
    r.due_at,
    r.wakes_at,
    r.hold_until,
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
    (
        SELECT
            jsonb_agg(
                jsonb_build_object(
                    'at', e.at, 'from', e.from_state, 'to', e.to_state, 'actor', e.actor, 'reason', e.reason
                )
                ORDER BY e.event_id
            )
        FROM recommendation_event AS e
        WHERE e.recommendation_id = r.recommendation_id
    ) AS events
FROM recommendation AS r
WHERE r.site_id = %(site)s AND r.recommendation_id = %(number)s
