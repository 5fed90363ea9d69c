-- Commands whose measured setpoint has followed.
UPDATE command AS c
SET state = 'applied', applied_at = %(now)s
FROM point AS p
INNER JOIN reading_latest AS l ON p.point_id = l.point_id
WHERE
    c.site_id = %(site)s AND c.kind = 'set' AND c.state = 'acknowledged'
    AND p.site_id = c.site_id AND p.asset_id = c.asset_id AND p.name = c.point
    AND l.time >= c.sent_at AND l.status < 32768 AND abs(l.value - c.value) <= %(tolerance)s
RETURNING c.command_id, c.asset_id, c.point, l.value
