-- How many alarms stand, by priority, and how many of them nobody has acknowledged.
SELECT
    a.priority,
    count(*)::integer AS open,
    count(*) FILTER (WHERE a.acknowledged_at IS NULL)::integer AS unseen
FROM alarm AS a
WHERE a.site_id = %(site)s AND a.cleared_at IS NULL
GROUP BY a.priority
ORDER BY a.priority
