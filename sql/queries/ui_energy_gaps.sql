-- By point, in what steps its usable readings come, and when it did not speak: after a gap of more than three
-- steps, and two minutes more than one, all but the first step of it. To the minute, from the rollups where
-- they are right, from the readings since. The step is the median of the last two days that are rolled up and
-- of what is not yet.
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
        s.raw_from,
        (
            SELECT r.bucket
            FROM reading_1m AS r
            WHERE r.point_id = p.point_id AND r.bucket >= %(since)s AND r.bucket < s.raw_from
            ORDER BY r.bucket DESC
            LIMIT 1
        ) AS rolled_to
    FROM unnest(%(points)s::integer[]) AS p (point_id)
    CROSS JOIN span AS s
),

fresh AS (
    SELECT
        h.point_id,
        m.at,
        coalesce(lag(m.at) OVER (PARTITION BY h.point_id ORDER BY m.at), h.rolled_to) AS before
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

usual AS (
    SELECT
        s.point_id,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY s.lasted) AS step
    FROM (
        SELECT
            f.point_id,
            f.at - f.before AS lasted
        FROM fresh AS f
        UNION ALL
        SELECT
            h.point_id,
            m.lasted
        FROM here AS h
        CROSS JOIN
            LATERAL (
                SELECT r.bucket - lag(r.bucket) OVER (ORDER BY r.bucket) AS lasted
                FROM reading_1m AS r
                WHERE
                    r.point_id = h.point_id AND r.bucket >= %(since)s
                    AND r.bucket > h.rolled_to - interval '2 days' AND r.bucket <= h.rolled_to
                OFFSET 0 -- noqa: AM09
            ) AS m
    ) AS s
    GROUP BY s.point_id
),

-- of the rollups only what may be a gap: a lag over the primary key needs no sorting
pause AS (
    SELECT
        h.point_id,
        m.before,
        m.at
    FROM here AS h
    CROSS JOIN
        LATERAL (
            SELECT
                r.bucket AS at,
                lag(r.bucket) OVER (ORDER BY r.bucket) AS before
            FROM reading_1m AS r
            WHERE r.point_id = h.point_id AND r.bucket >= %(since)s AND r.bucket < h.raw_from
            OFFSET 0 -- noqa: AM09
        ) AS m
    WHERE m.before IS NULL OR m.at - m.before > interval '3 minutes'
    UNION ALL
    SELECT
        f.point_id,
        f.before,
        f.at
    FROM fresh AS f
    UNION ALL
    SELECT
        h.point_id,
        coalesce(max(f.at), h.rolled_to) AS before,
        %(until)s::timestamptz AS at
    FROM here AS h
    LEFT JOIN fresh AS f ON h.point_id = f.point_id
    GROUP BY h.point_id, h.rolled_to
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
