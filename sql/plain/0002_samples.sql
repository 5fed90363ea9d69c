-- Samples in native partitions, as the readings; nothing has been written to them yet.
ALTER TABLE gpu_sample RENAME TO gpu_sample_before;

ALTER INDEX gpu_sample_pkey RENAME TO gpu_sample_before_pkey;

CREATE TABLE gpu_sample (LIKE gpu_sample_before INCLUDING ALL) PARTITION BY RANGE (time);

CREATE TABLE gpu_sample_default PARTITION OF gpu_sample DEFAULT;

CALL define_reading_views();

DROP TABLE gpu_sample_before;

-- What there is of partitions, from the catalogue.
CREATE OR REPLACE VIEW reading_partition AS
SELECT
    c.oid::regclass AS part,
    substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)''\)')::timestamptz AS before
FROM pg_inherits AS i
INNER JOIN pg_class AS c ON i.inhrelid = c.oid
WHERE
    i.inhparent IN (to_regclass('reading'), to_regclass('gpu_sample'))
    AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT';

-- Room in a table for a day; true where it was made now. What the default partition holds of it moves.
CREATE FUNCTION make_day(of_table text, of_day date) RETURNS boolean LANGUAGE plpgsql STRICT AS $$
DECLARE
    part CONSTANT text := of_table || '_' || to_char(of_day, 'YYYYMMDD');
    rest CONSTANT text := of_table || '_default';
    f CONSTANT timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    t CONSTANT timestamptz := f + interval '24 hours';
BEGIN
    IF to_regclass(part) IS NOT NULL OR f < (SELECT raw_from FROM storage_state) THEN
        RETURN false;
    END IF;
    IF f < (SELECT p.before FROM reading_partition AS p WHERE p.part = to_regclass(of_table || '_before')) THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('joulecast.make_reading_day'));
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', rest);  -- after it the session sees new tables
    IF to_regclass(part) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, of_table);
    EXECUTE format(
        'WITH moved AS (DELETE FROM %I WHERE time >= %L AND time < %L RETURNING *)'
        ' INSERT INTO %I SELECT * FROM moved', rest, f, t, part
    );
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', of_table, part, f, t);
    RETURN true;
END
$$;

-- For samples only where there are GPUs.
CREATE OR REPLACE FUNCTION make_reading_day(of_day date) RETURNS boolean LANGUAGE plpgsql STRICT AS $$
DECLARE
    made boolean := make_day('reading', of_day);
BEGIN
    IF EXISTS (SELECT FROM gpu_point) THEN
        made := make_day('gpu_sample', of_day) OR made;
    END IF;
    RETURN made;
END
$$;

-- As in 0001, of both tables.
CREATE OR REPLACE FUNCTION drop_readings(before timestamptz) RETURNS bigint LANGUAGE plpgsql STRICT AS $$
DECLARE
    old regclass;
    dropped bigint := 0;
BEGIN
    PERFORM set_config('lock_timeout', '5s', true);
    FOR old IN SELECT p.part FROM reading_partition AS p WHERE p.before <= drop_readings.before LOOP
        EXECUTE format('DROP TABLE %s', old);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM reading_default AS r WHERE r.time < drop_readings.before;
    DELETE FROM gpu_sample_default AS s WHERE s.time < drop_readings.before;
    RETURN dropped;
END
$$;

-- As in 0001, for both tables.
CREATE OR REPLACE FUNCTION touch_readings(from_minutes timestamptz[], to_minutes timestamptz[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first_day date;
    last_day date;
    gpus CONSTANT boolean := EXISTS (SELECT FROM gpu_point);
    day text;
BEGIN
    FOR i IN 1 .. coalesce(cardinality(from_minutes), 0) LOOP
        INSERT INTO rollup_dirty (from_minute, to_minute) VALUES (from_minutes[i], to_minutes[i]);
        first_day := greatest(from_minutes[i], now() - interval '400 days') AT TIME ZONE 'UTC';
        last_day := least(to_minutes[i] - interval '1 us', now() + interval '400 days') AT TIME ZONE 'UTC';
        FOR ahead IN 0 .. last_day - first_day LOOP
            day := to_char(first_day + ahead, 'YYYYMMDD');
            IF to_regclass('reading_' || day) IS NULL
                OR (gpus AND to_regclass('gpu_sample_' || day) IS NULL) THEN
                PERFORM make_reading_day(first_day + ahead);
            END IF;
        END LOOP;
    END LOOP;
END
$$;
