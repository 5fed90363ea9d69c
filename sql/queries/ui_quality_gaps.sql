-- By point, in what steps usable readings come, and the gaps between them: more than three steps, and two
-- minutes more than one. To the minute, from the rollups where they are right, from the readings since.
-- A gap may have begun before the period, and may not be over.
WITH span AS (
    SELECT
        CASE
            WHEN s.started
                THEN
                    greatest(
                        %(since)s::timestamptz, coalesce(
                            (
                                SELECT min(d.from_minute)
                                FROM rollup_dirty AS d
                                WHERE d.to_minute > %(since)s
                            ), %(now)s
                        )
                    )
            ELSE %(since)s
        END AS raw_from
    FROM storage_state AS s
),

here AS (
    SELECT
        p.point_id,
        s.raw_from
    FROM point AS p
    CROSS JOIN span AS s
    WHERE p.site_id = %(site)s
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
                r.point_id = h.point_id AND r.time >= h.raw_from AND r.time <= %(now)s AND r.status < 32768
            GROUP BY date_bin('1 minute', r.time, timestamptz '1970-01-01 00:00:00+00')
        ) AS m
    UNION ALL
    SELECT
        h.point_id,
        %(since)s::timestamptz AS at
    FROM here AS h
    CROSS JOIN LATERAL newest_readings(ARRAY[h.point_id], %(since)s, 1, 32768)
    UNION ALL
    SELECT
        h.point_id,
        %(now)s::timestamptz AS at
    FROM here AS h
),

step AS (
    SELECT
        m.point_id,
        m.at - lag(m.at) OVER (PARTITION BY m.point_id ORDER BY m.at) AS lasted
    FROM minute AS m
),

median AS (
    SELECT
        s.point_id,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY s.lasted) AS step
    FROM step AS s
    GROUP BY s.point_id
),

usual AS (
    SELECT
        m.point_id,
        m.step,
        greatest(3 * m.step, m.step + interval '2 minutes') AS longest
    FROM median AS m
)

SELECT
    u.point_id,
    extract(EPOCH FROM u.step)::double precision AS usual_s,
    count(*) FILTER (WHERE s.lasted > u.longest) AS gaps,
    coalesce(extract(EPOCH FROM max(s.lasted) FILTER (WHERE s.lasted > u.longest)), 0)::double precision
        AS longest_s
FROM usual AS u
INNER JOIN step AS s ON u.point_id = s.point_id
WHERE u.step IS NOT NULL
GROUP BY u.point_id, u.step
