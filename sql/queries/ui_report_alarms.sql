-- Alarms that were raised in a period, by priority: how many, how many of them somebody acknowledged, how
-- many still stand.
SELECT
    a.priority::integer AS priority,
    count(*)::integer AS raised,
    count(a.acknowledged_at)::integer AS acknowledged,
    count(*) FILTER (WHERE a.cleared_at IS NULL)::integer AS standing
FROM alarm AS a
WHERE a.site_id = %(site)s AND a.kind = 'alarm' AND a.raised_at >= %(start)s AND a.raised_at < %(end)s
GROUP BY a.priority
ORDER BY a.priority
