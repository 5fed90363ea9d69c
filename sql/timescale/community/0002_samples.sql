-- TimescaleDB's Community edition packs rows of `reading` as small as samples: there all stay, over which the
-- continuous aggregates are.
CREATE OR REPLACE FUNCTION gpu_fields() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$ SELECT '{}'::text[] $$;

-- From a server that ran the Apache edition before.
INSERT INTO reading (time, value, point_id, status)
SELECT
    g.time,
    g.value,
    g.point_id,
    g.status
FROM gpu_reading AS g;

TRUNCATE gpu_sample;

TRUNCATE gpu_point, gpu;

-- As in 0001: migrations/ has the tables' way.
CREATE OR REPLACE PROCEDURE roll_up(f timestamptz, t timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    CALL public.refresh_continuous_aggregate('reading_1m', f, t);
    CALL public.refresh_continuous_aggregate(
        'reading_1h',
        date_trunc('hour', f, 'UTC'),
        date_trunc('hour', t - interval '1 microsecond', 'UTC') + interval '1 hour'
    );
END
$$;
