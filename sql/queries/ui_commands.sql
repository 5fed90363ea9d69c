-- The commands of some recommendations with the setpoint that the plant reports now.
SELECT
    c.command_id::text AS command_id,
    c.recommendation_id,
    c.asset_id || '/' || c.point AS ref,
    c.kind,
    c.step,
    c.value,
    c.previous_value,
    c.state,
    c.created_at,
    c.not_before,
    c.sent_at,
    c.acknowledged_at,
    c.applied_at,
    c.reason,
    l.value AS measured_value,
    l.time AS measured_at
FROM command AS c
LEFT JOIN point AS p ON c.site_id = p.site_id AND c.asset_id = p.asset_id AND c.point = p.name
LEFT JOIN reading_latest AS l ON p.point_id = l.point_id
WHERE c.recommendation_id = ANY(%(ids)s) AND c.kind <> 'renew'
ORDER BY c.created_at DESC, c.step ASC, c.command_id ASC
LIMIT 20
