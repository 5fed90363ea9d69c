-- What adds readings up, as in 0004 and 0005, over both tables in which they lie.
CREATE OR REPLACE FUNCTION rollup_start() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE storage_state SET started = true WHERE NOT started;
    IF NOT found THEN
        RETURN false;
    END IF;
    INSERT INTO rollup_dirty (from_minute, to_minute)
    SELECT date_trunc('minute', min(e.first)), date_trunc('minute', max(e.last)) + interval '1 minute'
    FROM (
        SELECT
            (SELECT r.time FROM reading AS r WHERE r.point_id = p.point_id ORDER BY r.time LIMIT 1) AS first,
            (SELECT r.time FROM reading AS r WHERE r.point_id = p.point_id ORDER BY r.time DESC LIMIT 1) AS last
        FROM point AS p
        UNION ALL
        SELECT
            (SELECT s.time FROM gpu_sample AS s WHERE s.gpu_id = g.gpu_id ORDER BY s.time LIMIT 1),
            (SELECT s.time FROM gpu_sample AS s WHERE s.gpu_id = g.gpu_id ORDER BY s.time DESC LIMIT 1)
        FROM gpu AS g
    ) AS e
    HAVING count(e.first) > 0;
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION rollup_next(
    OUT ids bigint[], OUT from_minute timestamptz, OUT to_minute timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    dirty tstzmultirange;
    newest timestamptz;
BEGIN
    SELECT array_agg(d.dirty_id), range_agg(tstzrange(d.from_minute, d.to_minute)) INTO ids, dirty
    FROM rollup_dirty AS d;
    dirty := dirty * (SELECT tstzmultirange(tstzrange(raw_from, NULL)) FROM storage_state);
    IF dirty IS NULL OR isempty(dirty) THEN
        RETURN;  -- nothing, or only what lies before the readings that are kept
    END IF;
    SELECT lower(r.r), upper(r.r) INTO from_minute, to_minute
    FROM unnest(dirty) AS r (r) ORDER BY r.r DESC LIMIT 1;
    SELECT max(e.time) INTO newest
    FROM (
        SELECT (
            SELECT r.time FROM reading AS r
            WHERE r.point_id = p.point_id AND r.time >= from_minute AND r.time < to_minute
            ORDER BY r.time DESC LIMIT 1
        ) AS time
        FROM point AS p
        UNION ALL
        SELECT (
            SELECT s.time FROM gpu_sample AS s
            WHERE s.gpu_id = g.gpu_id AND s.time >= from_minute AND s.time < to_minute
            ORDER BY s.time DESC LIMIT 1
        )
        FROM gpu AS g
    ) AS e;
    from_minute := greatest(from_minute, date_trunc('hour', newest, 'UTC'));
END
$$;

CREATE OR REPLACE PROCEDURE roll_up(f timestamptz, t timestamptz) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO reading_1m AS old (point_id, bucket, n, sum, min, max, first, last)
    SELECT p.point_id, a.*
    FROM point AS p
    CROSS JOIN LATERAL (
        SELECT
            date_bin('1 minute', r.time, timestamptz '1970-01-01 00:00:00+00') AS bucket,
            count(*), sum(r.value), min(r.value), max(r.value),
            (array_agg(r.value ORDER BY r.time))[1], (array_agg(r.value ORDER BY r.time DESC))[1]
        FROM reading AS r
        WHERE r.point_id = p.point_id AND r.time >= f AND r.time < t AND r.status < 32768
        GROUP BY 1
    ) AS a
    UNION ALL
    SELECT p.point_id, a.*
    FROM gpu_point AS p
    CROSS JOIN LATERAL (
        SELECT
            date_bin('1 minute', r.time, timestamptz '1970-01-01 00:00:00+00') AS bucket,
            count(*), sum(r.value), min(r.value), max(r.value),
            (array_agg(r.value ORDER BY r.time))[1], (array_agg(r.value ORDER BY r.time DESC))[1]
        FROM (
            SELECT g.time, g.value
            FROM gpu_reading AS g
            WHERE g.point_id = p.point_id AND g.time >= f AND g.time < t AND g.status < 32768
            OFFSET 0  -- the value is worked out once, not once in each aggregate
        ) AS r
        GROUP BY 1
    ) AS a
    ON CONFLICT (point_id, bucket) DO UPDATE
    SET n = excluded.n, sum = excluded.sum, min = excluded.min, max = excluded.max,
        first = excluded.first, last = excluded.last
    WHERE (old.n, old.sum, old.first, old.last) IS DISTINCT FROM
        (excluded.n, excluded.sum, excluded.first, excluded.last);
    INSERT INTO reading_1h AS old (point_id, bucket, n, sum, min, max, first, last)
    SELECT p.point_id, a.*
    FROM point AS p
    CROSS JOIN LATERAL (
        SELECT
            date_bin('1 hour', m.bucket, timestamptz '1970-01-01 00:00:00+00') AS bucket,
            sum(m.n)::bigint, sum(m.sum), min(m.min), max(m.max),
            (array_agg(m.first ORDER BY m.bucket))[1], (array_agg(m.last ORDER BY m.bucket DESC))[1]
        FROM reading_1m AS m
        WHERE m.point_id = p.point_id
            AND m.bucket >= date_trunc('hour', f, 'UTC')
            AND m.bucket < date_trunc('hour', t - interval '1 microsecond', 'UTC') + interval '1 hour'
        GROUP BY 1
    ) AS a
    ON CONFLICT (point_id, bucket) DO UPDATE
    SET n = excluded.n, sum = excluded.sum, min = excluded.min, max = excluded.max,
        first = excluded.first, last = excluded.last
    WHERE (old.n, old.sum, old.first, old.last) IS DISTINCT FROM
        (excluded.n, excluded.sum, excluded.first, excluded.last);
END
$$;

-- Each table by itself: of a union of them TimescaleDB's planner expects one row. The GPUs' part is
-- materialised, as a union of two sums is taken to be worth parallel workers, which start in 15 ms. The whole
-- period beside the span prunes partitions while the query is planned.
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
        WITH gpu_mean AS MATERIALIZED (
            SELECT date_bin(step, r.time, origin) AS b, avg(r.value) AS v
            FROM gpu_reading AS r
            WHERE r.point_id = any(points) AND r.time >= from_time AND r.time < to_time AND r.status < 32768
            GROUP BY r.point_id, b
        ), mean AS (
            SELECT date_bin(step, r.time, origin) AS b, avg(r.value) AS v
            FROM reading AS r
            WHERE r.point_id = any(points) AND r.time >= from_time AND r.time < to_time AND r.status < 32768
            GROUP BY r.point_id, b
            UNION ALL
            SELECT g.b, g.v FROM gpu_mean AS g
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
    WITH gpu_part AS MATERIALIZED (
        SELECT a.*
        FROM unnest(whole - clean) AS span
        CROSS JOIN LATERAL (
            SELECT r.point_id, date_bin(step, r.time, origin) AS b, count(*) AS n, sum(r.value) AS sum
            FROM gpu_reading AS r
            WHERE r.point_id = any(points) AND r.time >= lower(span) AND r.time < upper(span)
                AND r.time >= from_time AND r.time < to_time AND r.status < 32768
            GROUP BY r.point_id, b
        ) AS a
    ), part AS (
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
                AND r.time >= from_time AND r.time < to_time AND r.status < 32768
            GROUP BY r.point_id, b
        ) AS a
        UNION ALL
        SELECT g.* FROM gpu_part AS g
    ), mean AS (
        SELECT p.b, sum(p.sum) / sum(p.n)::double precision AS v FROM part AS p GROUP BY p.point_id, p.b
    )
    SELECT m.b, sum(m.v) FROM mean AS m GROUP BY m.b HAVING count(*) = cardinality(points);
END
$$;

CREATE OR REPLACE FUNCTION counter_increase(
    points integer[], from_time timestamptz, to_time timestamptz, max_gap interval DEFAULT '15 minutes'
) RETURNS TABLE (point_id integer, increase double precision, unattributed double precision)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH used AS (
        SELECT r.point_id, r.time, r.value
        FROM reading_all AS r
        WHERE r.point_id = any(points) AND r.time >= from_time AND r.time < to_time AND r.status < 32768
        UNION ALL
        SELECT n.of_point, n.at, n.value
        FROM newest_readings(points, from_time, 1, 32768) AS n
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
    GROUP BY s.point_id;
END
$$;
