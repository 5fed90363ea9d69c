-- Readings in one native partition per day, so that old ones go by dropping a table. What is there already
-- becomes one partition as it stands: nothing is copied. Odd times go to the default partition.
ALTER TABLE reading RENAME TO reading_before;

ALTER INDEX reading_pkey RENAME TO reading_before_pkey;

CREATE TABLE reading (
    time timestamptz NOT NULL,
    value double precision NOT NULL,
    point_id integer NOT NULL,
    status integer NOT NULL DEFAULT 0,  -- upper 16 bits of the OPC UA status code; >= 32768 is bad
    PRIMARY KEY (point_id, time)
) PARTITION BY RANGE (time);

CREATE TABLE reading_default PARTITION OF reading DEFAULT;

CREATE OR REPLACE VIEW reading_named AS
SELECT
    r.time,
    p.site_id,
    p.asset_id,
    p.name,
    r.value,
    p.unit,
    r.status
FROM reading AS r
INNER JOIN point AS p ON r.point_id = p.point_id;

-- What there is of partitions, from the catalogue.
CREATE VIEW reading_partition AS
SELECT
    c.oid::regclass AS part,
    substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)''\)')::timestamptz AS before
FROM pg_inherits AS i
INNER JOIN pg_class AS c ON i.inhrelid = c.oid
WHERE i.inhparent = to_regclass('reading') AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT';

DO $$
DECLARE
    bound timestamptz;
BEGIN
    SELECT date_trunc('day', max(time), 'UTC') + interval '1 day' INTO bound FROM reading_before;
    IF bound IS NULL THEN
        DROP TABLE reading_before;
    ELSE
        EXECUTE format(
            'ALTER TABLE reading ATTACH PARTITION reading_before FOR VALUES FROM (MINVALUE) TO (%L)', bound
        );
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION make_reading_day(of_day date) RETURNS boolean LANGUAGE plpgsql STRICT AS $$
DECLARE
    part CONSTANT text := 'reading_' || to_char(of_day, 'YYYYMMDD');
    f CONSTANT timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
    t CONSTANT timestamptz := f + interval '24 hours';
BEGIN
    IF to_regclass(part) IS NOT NULL OR f < (SELECT raw_from FROM storage_state) THEN
        RETURN false;
    END IF;
    IF f < (SELECT p.before FROM reading_partition AS p WHERE p.part = to_regclass('reading_before')) THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('joulecast.make_reading_day'));
    IF to_regclass(part) IS NOT NULL THEN
        RETURN false;
    END IF;
    LOCK TABLE reading_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE %I (LIKE reading INCLUDING ALL)', part);
    EXECUTE format(
        'WITH moved AS (DELETE FROM reading_default WHERE time >= %L AND time < %L RETURNING *)'
        ' INSERT INTO %I SELECT * FROM moved', f, t, part
    );
    EXECUTE format('ALTER TABLE reading ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, f, t);
    RETURN true;
END
$$;

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
    RETURN dropped;
END
$$;

-- As in migrations/, and room is made for the days; in PL/pgSQL, whose plans last longer than a call.
CREATE OR REPLACE FUNCTION touch_readings(from_minutes timestamptz[], to_minutes timestamptz[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first_day date;
    last_day date;
BEGIN
    FOR i IN 1 .. coalesce(cardinality(from_minutes), 0) LOOP
        INSERT INTO rollup_dirty (from_minute, to_minute) VALUES (from_minutes[i], to_minutes[i]);
        first_day := greatest(from_minutes[i], now() - interval '400 days') AT TIME ZONE 'UTC';
        last_day := least(to_minutes[i] - interval '1 us', now() + interval '400 days') AT TIME ZONE 'UTC';
        FOR ahead IN 0 .. last_day - first_day LOOP
            IF to_regclass('reading_' || to_char(first_day + ahead, 'YYYYMMDD')) IS NULL THEN
                PERFORM make_reading_day(first_day + ahead);
            END IF;
        END LOOP;
    END LOOP;
END
$$;
