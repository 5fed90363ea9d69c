-- The next commands of a recommendation, with what is in force at their points, and by whom.
SELECT
    c.command_id,
    c.asset_id,
    c.point,
    c.value,
    c.previous_value,
    c.step,
    c.not_before,
    c.expires_at,
    c.lease_s,
    v.value AS measured,
    v.time AS measured_at,
    v.status,
    l.lease_id,
    l.value AS held,
    l.own_value,
    l.recommendation_id AS holder,
    h.state AS holder_state,
    c.not_before - (
        SELECT max(o.not_before) FROM command AS o
        WHERE
            o.recommendation_id = c.recommendation_id AND o.asset_id = c.asset_id AND o.point = c.point
            AND o.kind = 'set' AND o.step < c.step
    ) AS planned_pause,
    (
        SELECT max(o.sent_at) FROM command AS o
        WHERE o.site_id = c.site_id AND o.asset_id = c.asset_id AND o.point = c.point AND o.kind = 'set'
    ) AS moved_at
FROM command AS c
LEFT JOIN point AS p ON c.site_id = p.site_id AND c.asset_id = p.asset_id AND c.point = p.name
LEFT JOIN reading_latest AS v ON p.point_id = v.point_id
LEFT JOIN
    lease AS l
    ON
        c.site_id = l.site_id AND c.asset_id = l.asset_id AND c.point = l.point AND l.released_at IS NULL
LEFT JOIN recommendation AS h ON l.recommendation_id = h.recommendation_id
WHERE
    c.recommendation_id = %(id)s AND c.kind = 'set' AND c.state = 'queued'
    AND c.step = (
        SELECT min(q.step) FROM command AS q
        WHERE q.recommendation_id = %(id)s AND q.kind = 'set' AND q.state = 'queued'
    )
ORDER BY c.asset_id, c.point
