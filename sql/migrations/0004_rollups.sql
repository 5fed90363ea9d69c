-- Readings by minute and by hour. What stands here serves plain PostgreSQL and TimescaleDB's Apache
-- edition; the Community edition puts continuous aggregates in the place of the two tables
-- (timescale/community/).
--
-- The one rule: once `storage_state.started`, a minute that no row of `rollup_dirty` covers is right in
-- reading_1m, and so is an hour none of whose minutes is covered in reading_1h. Whoever writes readings
-- calls touch_readings() in the same transaction.

ALTER TABLE point ADD COLUMN counter_mod double precision;

COMMENT ON COLUMN point.counter_mod IS
'at which a counter wraps round [canonical unit]; NULL: it only ever resets, to 0';

-- Over the usable readings (status < 32768) of a point in [bucket, bucket + 1 minute). No row: a gap.
CREATE TABLE reading_1m (
    point_id integer NOT NULL,
    bucket timestamptz NOT NULL,
    n bigint NOT NULL,
    sum double precision NOT NULL,
    min double precision NOT NULL,
    max double precision NOT NULL,
    first double precision NOT NULL,
    last double precision NOT NULL,
    PRIMARY KEY (point_id, bucket)
);

CREATE TABLE reading_1h (LIKE reading_1m INCLUDING ALL);

-- Whole minutes [from_minute, to_minute) in which readings have come since they were last rolled up.
CREATE TABLE rollup_dirty (
    dirty_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    from_minute timestamptz NOT NULL,
    to_minute timestamptz NOT NULL,
    CHECK (from_minute < to_minute)
);

CREATE TABLE storage_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    started boolean NOT NULL DEFAULT false,
    raw_from timestamptz NOT NULL DEFAULT '-infinity'  -- readings before this are dropped; their rollups stay
);

INSERT INTO storage_state DEFAULT VALUES;

-- Room for a day's readings; true where it was made now. Where readings lie in native partitions, plain/
-- says how.
CREATE FUNCTION make_reading_day(of_day date) RETURNS boolean LANGUAGE sql AS 'SELECT false';

-- Drop the readings of whole days before a time; how many pieces went. plain/ and timescale/ say how.
CREATE FUNCTION drop_readings(before timestamptz) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';

-- To be called by whoever writes readings, first thing in the same transaction.
CREATE FUNCTION touch_readings(from_minutes timestamptz[], to_minutes timestamptz[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rollup_dirty (from_minute, to_minute)
    SELECT t.f, t.t FROM unnest(from_minutes, to_minutes) AS t (f, t);
END
$$;

-- Start to keep rollups: everything that is there is to be rolled up. True on the first call only.
CREATE FUNCTION rollup_start() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE storage_state SET started = true WHERE NOT started;
    IF NOT found THEN
        RETURN false;
    END IF;
    INSERT INTO rollup_dirty (from_minute, to_minute)
    SELECT date_trunc('minute', min(e.first)), date_trunc('minute', max(e.last)) + interval '1 minute'
    FROM point AS p
    CROSS JOIN LATERAL (
        SELECT
            (SELECT r.time FROM reading AS r WHERE r.point_id = p.point_id ORDER BY r.time LIMIT 1) AS first,
            (SELECT r.time FROM reading AS r WHERE r.point_id = p.point_id ORDER BY r.time DESC LIMIT 1) AS last
    ) AS e
    HAVING count(e.first) > 0;
    RETURN true;
END
$$;

-- The piece to roll up next, newest first: its readings lie within one hour. `ids` are the rows of
-- rollup_dirty that were looked at, to be handed to rollup_done(): what has come since is none of its
-- business.
CREATE FUNCTION rollup_next(OUT ids bigint[], OUT from_minute timestamptz, OUT to_minute timestamptz)
LANGUAGE plpgsql AS $$
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
    FROM point AS p
    CROSS JOIN LATERAL (
        SELECT r.time FROM reading AS r
        WHERE r.point_id = p.point_id AND r.time >= from_minute AND r.time < to_minute
        ORDER BY r.time DESC LIMIT 1
    ) AS e;
    from_minute := greatest(from_minute, date_trunc('hour', newest, 'UTC'));
END
$$;

-- These rows of rollup_dirty are settled for [done_from, done_to); what else they covered stays.
CREATE FUNCTION rollup_done(done_ids bigint[], done_from timestamptz, done_to timestamptz)
RETURNS void LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM rollup_dirty WHERE dirty_id = any(done_ids) RETURNING from_minute, to_minute
    ), rest AS (
        SELECT unnest(
            range_agg(tstzrange(g.from_minute, g.to_minute)) * tstzmultirange(tstzrange(s.raw_from, NULL))
            - coalesce(tstzmultirange(tstzrange(done_from, done_to)), '{}')
        ) AS r
        FROM gone AS g
        CROSS JOIN storage_state AS s
        GROUP BY s.raw_from
    )
    INSERT INTO rollup_dirty (from_minute, to_minute) SELECT lower(r), upper(r) FROM rest
$$;

-- Roll up the minutes [f, t) and the hours that they lie in. Readings are never changed or deleted one by
-- one, so a bucket never becomes empty. What is the same already is not written again.
CREATE PROCEDURE roll_up(f timestamptz, t timestamptz) LANGUAGE plpgsql AS $$
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

-- Forget rollups before a time.
CREATE FUNCTION drop_rollups(before timestamptz) RETURNS bigint LANGUAGE sql AS $$
    WITH m AS (
        DELETE FROM reading_1m AS r USING point AS p
        WHERE r.point_id = p.point_id AND r.bucket < before RETURNING 1
    ), h AS (
        DELETE FROM reading_1h AS r USING point AS p
        WHERE r.point_id = p.point_id AND r.bucket < before RETURNING 1
    )
    SELECT (SELECT count(*) FROM m) + (SELECT count(*) FROM h)
$$;
