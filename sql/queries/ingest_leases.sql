-- The leases that a recommendation holds, with what is measured, and what was said to the plant about them.
SELECT
    l.lease_id,
    l.asset_id,
    l.point,
    l.value,
    l.own_value,
    l.taken_at,
    l.expires_at,
    l.let_go,
    v.value AS measured,
    v.time AS measured_at,
    v.status,
    c.renewed_at,
    c.refused,
    c.ours,
    c.applied_at,
    c.unsafe_until,
    r.state AS release_state,
    r.sent_at AS release_sent_at,
    r.acknowledged_at AS release_taken_at
FROM lease AS l
LEFT JOIN point AS p ON l.site_id = p.site_id AND l.asset_id = p.asset_id AND l.point = p.name
LEFT JOIN reading_latest AS v ON p.point_id = v.point_id
CROSS JOIN
    LATERAL (
        SELECT
            max(q.sent_at) AS renewed_at,
            max(q.applied_at) FILTER (WHERE q.kind = 'set') AS applied_at,
            max(q.message_expires_at) FILTER (
                WHERE q.kind = 'set' AND q.acknowledged_at IS NULL
            ) AS unsafe_until,
            array_agg(q.value) FILTER (WHERE q.kind = 'set' AND q.sent_at IS NOT NULL) AS ours,
            max(q.reason) FILTER (WHERE q.kind = 'renew' AND q.state = 'refused') AS refused
        FROM command AS q
        WHERE
            q.recommendation_id = l.recommendation_id AND q.asset_id = l.asset_id AND q.point = l.point
            AND q.kind IN ('set', 'renew')
    ) AS c
LEFT JOIN LATERAL (
    SELECT
        q.state,
        q.sent_at,
        CASE WHEN q.state = 'acknowledged' THEN q.acknowledged_at END AS acknowledged_at
    FROM command AS q
    WHERE
        q.recommendation_id = l.recommendation_id AND q.asset_id = l.asset_id AND q.point = l.point
        AND q.kind = 'release'
    ORDER BY q.seq DESC
    LIMIT 1
) AS r ON TRUE
WHERE l.recommendation_id = %(id)s AND l.released_at IS NULL
ORDER BY l.asset_id, l.point
