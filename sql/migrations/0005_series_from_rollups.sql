-- Sum over points of each point's mean per step, as before, and the same to rounding: what is rolled up
-- comes from reading_1h and reading_1m, the rest (dirty minutes, parts of minutes, steps that are no whole
-- minutes) from reading.
CREATE OR REPLACE FUNCTION sum_by_step(
    points integer[], step interval, from_time timestamptz, to_time timestamptz
) RETURNS TABLE (bucket timestamptz, value double precision)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    origin CONSTANT timestamptz := '1970-01-01 00:00:00+00';
    step_s CONSTANT numeric := extract(EPOCH FROM step);
    first_minute CONSTANT timestamptz := date_bin(
        '1 minute', from_time + interval '1 minute' - interval '1 microsecond', origin
    );
    last_minute CONSTANT timestamptz := date_bin('1 minute', to_time, origin);
    whole tstzmultirange;
    clean tstzmultirange := '{}';
    hours tstzmultirange := '{}';
BEGIN
    IF step_s % 60 = 0 AND first_minute < last_minute AND (SELECT started FROM storage_state) THEN
        clean := tstzmultirange(tstzrange(first_minute, last_minute)) - coalesce(
            (
                SELECT range_agg(tstzrange(d.from_minute, d.to_minute)) FROM rollup_dirty AS d
                WHERE d.from_minute < last_minute AND d.to_minute > first_minute
            ), '{}'
        );
    END IF;
    IF isempty(clean) THEN
        RETURN QUERY
        WITH mean AS (
            SELECT date_bin(step, r.time, origin) AS b, avg(r.value) AS v
            FROM reading AS r
            WHERE r.point_id = any(points) AND r.time >= from_time AND r.time < to_time AND r.status < 32768
            GROUP BY r.point_id, b
        )
        SELECT m.b, sum(m.v) FROM mean AS m GROUP BY m.b HAVING count(*) = cardinality(points);
        RETURN;
    END IF;
    whole := tstzmultirange(tstzrange(from_time, to_time));
    IF step_s % 3600 = 0 THEN
        SELECT coalesce(range_agg(tstzrange(h.f, h.t)), '{}') INTO hours
        FROM (
            SELECT
                date_bin('1 hour', lower(c) + interval '1 hour' - interval '1 microsecond', origin) AS f,
                date_bin('1 hour', upper(c), origin) AS t
            FROM unnest(clean) AS c
        ) AS h
        WHERE h.f < h.t;
    END IF;
    RETURN QUERY
    WITH part AS (
        SELECT a.*
        FROM unnest(hours) AS span
        CROSS JOIN LATERAL (
            SELECT r.point_id, date_bin(step, r.bucket, origin) AS b, r.n, r.sum
            FROM reading_1h AS r
            WHERE r.point_id = any(points) AND r.bucket >= lower(span) AND r.bucket < upper(span)
            OFFSET 0
        ) AS a
        UNION ALL
        SELECT a.*
        FROM unnest(clean - hours) AS span
        CROSS JOIN LATERAL (
            SELECT r.point_id, date_bin(step, r.bucket, origin) AS b, r.n, r.sum
            FROM reading_1m AS r
            WHERE r.point_id = any(points) AND r.bucket >= lower(span) AND r.bucket < upper(span)
            OFFSET 0
        ) AS a
        UNION ALL
        SELECT a.*
        FROM unnest(whole - clean) AS span
        CROSS JOIN LATERAL (
            SELECT r.point_id, date_bin(step, r.time, origin) AS b, count(*) AS n, sum(r.value) AS sum
            FROM reading AS r
            WHERE r.point_id = any(points) AND r.time >= lower(span) AND r.time < upper(span)
                AND r.status < 32768
            GROUP BY r.point_id, b
        ) AS a
    ), mean AS (
        SELECT p.b, sum(p.sum) / sum(p.n)::double precision AS v FROM part AS p GROUP BY p.point_id, p.b
    )
    SELECT m.b, sum(m.v) FROM mean AS m GROUP BY m.b HAVING count(*) = cardinality(points);
END
$$;

-- By how much counters went up over [from_time, to_time), each step belonging to the period in which it
-- ends, so that periods add up. A fall is a wrap where the point says at what it wraps and the fall is
-- more than half of that; a reset to 0 where it does not and less than nine tenths are left; otherwise
-- noise, which cancels out. An increase over more than max_gap between two readings is kept apart: it
-- happened, but nobody knows when.
CREATE FUNCTION counter_increase(
    points integer[], from_time timestamptz, to_time timestamptz, max_gap interval DEFAULT '15 minutes'
) RETURNS TABLE (point_id integer, increase double precision, unattributed double precision)
LANGUAGE sql STABLE AS $$
    WITH used AS (
        SELECT r.point_id, r.time, r.value
        FROM reading AS r
        WHERE r.point_id = any(points) AND r.time >= from_time AND r.time < to_time AND r.status < 32768
        UNION ALL
        SELECT b.*
        FROM unnest(points) AS p (point_id)
        CROSS JOIN LATERAL (
            SELECT r.point_id, r.time, r.value FROM reading AS r
            WHERE r.point_id = p.point_id AND r.time < from_time AND r.status < 32768
            ORDER BY r.time DESC LIMIT 1
        ) AS b
    ), pair AS (
        SELECT
            u.point_id, u.value, u.value - lag(u.value) OVER w AS d, lag(u.value) OVER w AS before,
            u.time - lag(u.time) OVER w AS gap
        FROM used AS u
        WINDOW w AS (PARTITION BY u.point_id ORDER BY u.time)
    ), step AS (
        SELECT
            s.point_id, s.gap,
            CASE
                WHEN s.d >= 0 THEN s.d
                WHEN q.counter_mod IS NOT NULL AND -s.d > q.counter_mod / 2 THEN s.d + q.counter_mod
                WHEN q.counter_mod IS NULL AND s.value < 0.9 * s.before THEN s.value
                ELSE s.d
            END AS d
        FROM pair AS s
        INNER JOIN point AS q ON s.point_id = q.point_id
        WHERE s.d IS NOT NULL
    )
    SELECT
        s.point_id,
        coalesce(sum(s.d) FILTER (WHERE s.gap <= max_gap), 0),
        coalesce(sum(s.d) FILTER (WHERE s.gap > max_gap), 0)
    FROM step AS s
    GROUP BY s.point_id
$$;
