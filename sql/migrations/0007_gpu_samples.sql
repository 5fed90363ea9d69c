-- What a GPU tells at one time is one row of a wide table, for servers that cannot compress: thirteen
-- readings take about 190 bytes there, the index included, and 85 to 105 each in rows of `reading`. The
-- Community edition packs both alike and keeps all in `reading` (timescale/community/).
--
-- A point lies in one of the two tables for good, and a row of `gpu_point` says so. Whoever reads readings
-- reads `reading_all`.

-- double precision throughout: a value comes back as it was sent, and aggregates are the same in all tiers.
-- `real` would save 40 bytes of a row's 190, and give back 412.2510071 for the 412.251 W that NVML told.
CREATE TABLE gpu_sample (
    time timestamptz NOT NULL,
    gpu_id integer NOT NULL,
    gpu_power double precision,  -- NULL: not told
    gpu_power_instant double precision,
    gpu_power_limit double precision,
    energy double precision,
    utilisation double precision,
    memory_utilisation double precision,
    gpu_temperature double precision,
    gpu_memory_temperature double precision,
    gpu_clock double precision,
    gpu_memory_clock double precision,
    gpu_memory_used double precision,
    gpu_fan_speed_ratio double precision,
    gpu_throttle_reasons double precision,
    status integer[],  -- of each field, in the order of gpu_fields(); NULL: all good
    PRIMARY KEY (gpu_id, time)
);

CREATE TABLE gpu (
    gpu_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL,
    asset_id text NOT NULL,
    UNIQUE (site_id, asset_id)
);

-- Points whose readings lie in gpu_sample. Insert-only, as `point` is.
CREATE TABLE gpu_point (
    point_id integer PRIMARY KEY,
    gpu_id integer NOT NULL,
    field smallint NOT NULL,  -- which of gpu_fields(), from 1
    UNIQUE (gpu_id, field)
);

-- The points that have a column in gpu_sample, in the order of the columns; empty where none goes there.
CREATE FUNCTION gpu_fields() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT '{
        gpu_power, gpu_power_instant, gpu_power_limit, energy, utilisation, memory_utilisation,
        gpu_temperature, gpu_memory_temperature, gpu_clock, gpu_memory_clock, gpu_memory_used,
        gpu_fan_speed_ratio, gpu_throttle_reasons
    }'::text[]
$$;

-- Decide where the readings of points go that have been registered in this transaction: a name that other
-- assets have, too (energy, utilisation), is a GPU's where the asset has a gpu_power.
CREATE FUNCTION place_points(points integer[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    p record;
BEGIN
    FOR p IN
        SELECT o.point_id, o.site_id, o.asset_id, array_position(gpu_fields(), o.name) AS field
        FROM point AS o
        WHERE o.point_id = any(points) AND o.name = any(gpu_fields()) AND (
            starts_with(o.name, 'gpu_') OR EXISTS (
                SELECT FROM point AS q
                WHERE q.site_id = o.site_id AND q.asset_id = o.asset_id AND q.name = 'gpu_power'
            )
        )
        ORDER BY o.site_id, o.asset_id, o.name
    LOOP
        INSERT INTO gpu (site_id, asset_id)
        SELECT p.site_id, p.asset_id
        WHERE NOT EXISTS (SELECT FROM gpu AS g WHERE g.site_id = p.site_id AND g.asset_id = p.asset_id)
        ON CONFLICT DO NOTHING;
        INSERT INTO gpu_point (point_id, gpu_id, field)
        SELECT p.point_id, g.gpu_id, p.field
        FROM gpu AS g
        WHERE g.site_id = p.site_id AND g.asset_id = p.asset_id
        ON CONFLICT DO NOTHING;
    END LOOP;
END
$$;

-- What waits in the temporary table gpu_sample_staging becomes samples; where there is one of that GPU and
-- time already, it gets what it has not told yet. How many readings are new.
CREATE FUNCTION merge_samples() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    names text;
    missing text;
    filled text;
    statuses text;
    same text;
    new bigint;
    added bigint;
BEGIN
    SELECT
        string_agg(format('%I', f.name), ', ' ORDER BY f.nr),
        string_agg(format('(g.%1$I IS NULL AND s.%1$I IS NOT NULL)::integer', f.name), ' + '),
        string_agg(format('%1$I = coalesce(g.%1$I, s.%1$I)', f.name), ', '),
        string_agg(
            format('CASE WHEN g.%I IS NULL THEN s.status[%s] ELSE g.status[%2$s] END', f.name, f.nr),
            ', ' ORDER BY f.nr
        )
    INTO names, missing, filled, statuses
    FROM unnest(gpu_fields()) WITH ORDINALITY AS f (name, nr);
    SELECT
        format(
            'g.gpu_id = s.gpu_id AND g.time = s.time AND g.time BETWEEN %L AND %L AND %s > 0',
            min(s.time), max(s.time), missing  -- times that are constants prune partitions before planning
        )
    INTO same
    FROM gpu_sample_staging AS s;
    EXECUTE format(
        'WITH added AS ('
        ' INSERT INTO gpu_sample SELECT s.* FROM gpu_sample_staging AS s ORDER BY s.gpu_id, s.time'
        ' ON CONFLICT (gpu_id, time) DO NOTHING RETURNING num_nonnulls(%s) AS told'
        ') SELECT coalesce(sum(told), 0) FROM added', names
    ) INTO new;
    -- Held to the end of the transaction: nobody fills in between what is counted and what is written.
    EXECUTE format(
        'WITH held AS ('
        ' SELECT %s AS told FROM gpu_sample AS g JOIN gpu_sample_staging AS s ON %s'
        ' ORDER BY g.gpu_id, g.time FOR UPDATE OF g'
        ') SELECT coalesce(sum(told), 0) FROM held', missing, same
    ) INTO added;
    IF added > 0 THEN
        EXECUTE format(
            'UPDATE gpu_sample AS g SET %s,'
            ' status = CASE WHEN num_nonnulls(g.status, s.status) > 0 THEN ARRAY[%s] END'
            ' FROM gpu_sample_staging AS s WHERE %s', filled, statuses, same
        );
    END IF;
    RETURN new + added;
END
$$;

-- The newest readings of each point before a time, only those whose status is below a limit.
CREATE FUNCTION newest_readings(
    points integer[], before timestamptz, at_most integer, status_below integer
) RETURNS TABLE (of_point integer, at timestamptz, value double precision) LANGUAGE plpgsql STABLE AS $$
DECLARE
    wide CONSTANT integer[] := ARRAY(SELECT g.point_id FROM gpu_point AS g WHERE g.point_id = any(points));
    f record;
BEGIN
    RETURN QUERY
    SELECT p.point_id, n.*
    FROM unnest(points) AS p (point_id)
    CROSS JOIN LATERAL (
        SELECT r.time, r.value
        FROM reading AS r
        WHERE r.point_id = p.point_id AND r.time < before AND r.status < status_below
        ORDER BY r.time DESC LIMIT at_most
    ) AS n
    WHERE p.point_id <> ALL(wide);
    FOR f IN
        SELECT p.name, g.field, array_agg(g.point_id) AS points, array_agg(g.gpu_id) AS gpus
        FROM gpu_point AS g
        INNER JOIN point AS p ON g.point_id = p.point_id
        WHERE g.point_id = any(wide)
        GROUP BY p.name, g.field
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT p.point_id, n.* FROM unnest($1, $2) AS p (point_id, gpu_id) CROSS JOIN LATERAL ('
            ' SELECT s.time, s.%1$I FROM gpu_sample AS s WHERE s.gpu_id = p.gpu_id AND s.time < $3'
            ' AND s.%1$I IS NOT NULL AND coalesce(s.status[$4], 0) < $5 ORDER BY s.time DESC LIMIT $6'
            ') AS n', f.name
        ) USING f.points, f.gpus, before, f.field, status_below, at_most;
    END LOOP;
END
$$;

-- The views over readings; plain/ and timescale/ call it when the tables below are as they stay.
CREATE PROCEDURE define_reading_views() LANGUAGE plpgsql AS $$
BEGIN
    CREATE OR REPLACE VIEW gpu_reading AS
    SELECT
        s.time,
        g.point_id,
        v.value,
        coalesce(s.status[g.field], 0) AS status
    FROM gpu_point AS g
    INNER JOIN gpu_sample AS s ON g.gpu_id = s.gpu_id
    CROSS JOIN LATERAL (
        SELECT
            CASE g.field
                WHEN 1 THEN s.gpu_power
                WHEN 2 THEN s.gpu_power_instant
                WHEN 3 THEN s.gpu_power_limit
                WHEN 4 THEN s.energy
                WHEN 5 THEN s.utilisation
                WHEN 6 THEN s.memory_utilisation
                WHEN 7 THEN s.gpu_temperature
                WHEN 8 THEN s.gpu_memory_temperature
                WHEN 9 THEN s.gpu_clock
                WHEN 10 THEN s.gpu_memory_clock
                WHEN 11 THEN s.gpu_memory_used
                WHEN 12 THEN s.gpu_fan_speed_ratio
                WHEN 13 THEN s.gpu_throttle_reasons
            END AS value
    ) AS v
    WHERE v.value IS NOT NULL;
    -- Conditions on point_id and time reach the indexes of both tables where they are constants or come from
    -- outside of a LATERAL (with a LIMIT or a GROUP BY, which keep it one). A join or an ORDER BY does not:
    -- the newest readings of a point are what newest_readings() is for.
    CREATE OR REPLACE VIEW reading_all AS
    SELECT
        r.time,
        r.point_id,
        r.value,
        r.status
    FROM reading AS r
    UNION ALL
    SELECT
        g.time,
        g.point_id,
        g.value,
        g.status
    FROM gpu_reading AS g;
    -- Readings with their names, for people and for other tools; each table with its own join, so that a name
    -- reaches its index.
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
    INNER JOIN point AS p ON r.point_id = p.point_id
    UNION ALL
    SELECT
        g.time,
        p.site_id,
        p.asset_id,
        p.name,
        g.value,
        p.unit,
        g.status
    FROM gpu_reading AS g
    INNER JOIN point AS p ON g.point_id = p.point_id;
END
$$;
