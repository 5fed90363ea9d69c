-- Setpoints of a site that do not follow the plant's own control: leases in force, and what operators set by
-- hand on advice; each with its recommendation and who accepted it.
WITH held AS (
    SELECT
        l.asset_id || '/' || l.point AS ref,
        NULL::text AS setpoint,
        l.recommendation_id,
        l.value,
        l.own_value,
        l.taken_at,
        l.renewed_at,
        l.expires_at
    FROM lease AS l
    WHERE l.site_id = %(site)s AND l.released_at IS NULL
    UNION ALL
    SELECT
        NULL::text AS ref,
        c.change ->> 'setpoint' AS setpoint,
        r.recommendation_id,
        (c.change ->> 'to_c')::double precision AS value,
        (c.change ->> 'from_c')::double precision AS own_value,
        r.created_at AS taken_at,
        NULL::timestamptz AS renewed_at,
        r.hold_until AS expires_at
    FROM recommendation AS r
    CROSS JOIN LATERAL jsonb_array_elements(r.changes) AS c (change)
    WHERE
        r.site_id = %(site)s AND r.authority = 'advisory' AND r.kind = 'change'
        AND r.state IN ('applied', 'ramping', 'holding')
)

SELECT
    h.ref,
    h.setpoint,
    h.recommendation_id,
    h.value,
    h.own_value,
    h.taken_at,
    h.renewed_at,
    h.expires_at,
    r.state,
    r.hold_until,
    (
        SELECT array_agg(e.actor ORDER BY e.event_id)
        FROM recommendation_event AS e
        WHERE
            e.recommendation_id = h.recommendation_id
            AND (e.to_state = 'accepted' OR (e.from_state = 'awaiting_second' AND e.to_state = 'precheck'))
    ) AS names
FROM held AS h
INNER JOIN recommendation AS r ON h.recommendation_id = r.recommendation_id
ORDER BY h.taken_at
