-- The leases that a recommendation holds, with what is measured, what was said to the plant about them, and
-- what has been set by it and by those whose leases it took over.
WITH RECURSIVE chain AS (
    SELECT
        l.lease_id AS of_lease,
        l.lease_id,
        l.recommendation_id,
        l.site_id,
        l.asset_id,
        l.point,
        l.taken_at
    FROM lease AS l
    WHERE l.recommendation_id = %(id)s AND l.released_at IS NULL
    UNION
    SELECT
        n.of_lease,
        b.lease_id,
        b.recommendation_id,
        b.site_id,
        b.asset_id,
        b.point,
        b.taken_at
    FROM chain AS n
    INNER JOIN lease AS b
        ON
            n.site_id = b.site_id AND n.asset_id = b.asset_id AND n.point = b.point
            AND n.taken_at = b.released_at AND n.lease_id > b.lease_id
)

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
    o.ours,
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
            max(q.reason) FILTER (WHERE q.kind = 'renew' AND q.state = 'refused') AS refused
        FROM command AS q
        WHERE
            q.recommendation_id = l.recommendation_id AND q.asset_id = l.asset_id AND q.point = l.point
            AND q.kind IN ('set', 'renew')
    ) AS c
CROSS JOIN
    LATERAL (
        SELECT array_agg(DISTINCT q.value) AS ours
        FROM chain AS n
        INNER JOIN command AS q ON n.recommendation_id = q.recommendation_id
        WHERE
            l.lease_id = n.of_lease AND q.asset_id = l.asset_id AND q.point = l.point
            AND q.kind = 'set' AND q.sent_at IS NOT NULL
    ) AS o
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
