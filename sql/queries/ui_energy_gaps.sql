-- By point, in what steps its usable readings come, and when it did not speak: after a gap of more than three
-- steps, and two minutes more than one, all but the first step of it. To the minute, from the rollups where
-- they are right, from the readings since. The step is the median of the last two days that it spoke in.
WITH span AS (
    SELECT
        CASE
            WHEN s.started
                THEN
                    (
                        SELECT greatest(%(since)s::timestamptz, coalesce(min(d.from_minute), %(until)s))
                        FROM rollup_dirty AS d
                        WHERE d.to_minute > %(since)s AND d.from_minute < %(until)s
                    )
            ELSE %(since)s
        END AS raw_from
    FROM storage_state AS s
),

here AS (
    SELECT
        p.point_id,
        s.raw_from
    FROM unnest(%(points)s::integer[]) AS p (point_id)
    CROSS JOIN span AS s
),

minute AS (
    SELECT
        h.point_id,
        m.at
    FROM here AS h
    CROSS JOIN
        LATERAL (
            SELECT r.bucket AS at
            FROM reading_1m AS r
            WHERE r.point_id = h.point_id AND r.bucket >= %(since)s AND r.bucket < h.raw_from
            OFFSET 0 -- noqa: AM09
        ) AS m
    UNION ALL
    SELECT
        h.point_id,
        m.at
    FROM here AS h
    CROSS JOIN
        LATERAL (
            SELECT date_bin('1 minute', r.time, timestamptz '1970-01-01 00:00:00+00') AS at
            FROM reading_all AS r
            WHERE
                r.point_id = h.point_id AND r.time >= h.raw_from AND r.time < %(until)s AND r.status < 32768
            GROUP BY date_bin('1 minute', r.time, timestamptz '1970-01-01 00:00:00+00')
        ) AS m
),

step AS (
    SELECT
        m.point_id,
        m.at,
        lag(m.at) OVER w AS before,
        max(m.at) OVER (PARTITION BY m.point_id) AS newest
    FROM minute AS m
    WINDOW w AS (PARTITION BY m.point_id ORDER BY m.at)
),

usual AS (
    SELECT
        s.point_id,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY s.at - s.before) AS step
    FROM step AS s
    WHERE s.at > s.newest - interval '2 days'
    GROUP BY s.point_id
),

pause AS (
    SELECT
        s.point_id,
        s.before,
        s.at
    FROM step AS s
    UNION ALL
    SELECT
        h.point_id,
        max(s.at) AS before,
        %(until)s::timestamptz AS at
    FROM here AS h
    LEFT JOIN step AS s ON h.point_id = s.point_id
    GROUP BY h.point_id
)

SELECT
    h.point_id,
    extract(EPOCH FROM u.step)::double precision AS usual_s,
    p.at AS silent_to,
    coalesce(p.before + coalesce(u.step, interval '1 minute'), %(since)s) AS silent_from
FROM here AS h
LEFT JOIN usual AS u ON h.point_id = u.point_id
LEFT JOIN pause AS p
    ON
        h.point_id = p.point_id
        AND p.at - coalesce(p.before, %(since)s)
        > greatest(3 * u.step, coalesce(u.step, interval '0') + interval '2 minutes')
ORDER BY h.point_id, p.at
