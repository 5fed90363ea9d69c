-- By make-up meter of a site, how much water it let in between the reading nearest the start of a period and
-- the last one of it, and when these were. The nearest is the last one before the start where it is at most
-- `slack` older, else the first one after: what ran while a meter was away for longer is of no period. Also
-- whether readings of then have been dropped.
WITH meter AS (
    SELECT
        p.point_id,
        p.asset_id || '/' || p.name AS ref,
        (
            SELECT r.time FROM reading AS r
            WHERE
                r.point_id = p.point_id AND r.status < 32768
                AND r.time >= %(start)s::timestamptz - %(slack)s::interval AND r.time < %(start)s
            ORDER BY r.time DESC
            LIMIT 1
        ) AS before,
        (
            SELECT r.time FROM reading AS r
            WHERE
                r.point_id = p.point_id AND r.status < 32768 AND r.time >= %(start)s AND r.time < %(end)s
            ORDER BY r.time ASC
            LIMIT 1
        ) AS first,
        (
            SELECT r.time FROM reading AS r
            WHERE
                r.point_id = p.point_id AND r.status < 32768 AND r.time >= %(start)s AND r.time < %(end)s
            ORDER BY r.time DESC
            LIMIT 1
        ) AS last
    FROM point AS p
    WHERE p.site_id = %(site)s AND p.name = 'make_up_water'
)

SELECT
    m.ref,
    coalesce(m.before, m.first) AS first,
    m.last,
    s.raw_from > %(start)s AS dropped,
    (
        SELECT c.increase + c.unattributed
        FROM
            counter_increase(
                ARRAY[m.point_id],
                CASE WHEN m.before IS NULL THEN m.first + interval '1 microsecond' ELSE %(start)s END,
                %(end)s
            ) AS c
    ) AS water_m3
FROM meter AS m
CROSS JOIN storage_state AS s
ORDER BY m.ref
