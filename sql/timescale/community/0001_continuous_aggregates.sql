-- TimescaleDB's Community edition: continuous aggregates in the place of the rollup tables, and columnstore.
DROP TABLE reading_1h, reading_1m;

-- A server that ran the Apache edition before fills them again, from the readings that are there.
DELETE FROM rollup_dirty;

UPDATE storage_state SET started = false;

CREATE MATERIALIZED VIEW reading_1m
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    r.point_id,
    public.time_bucket(interval '1 minute', r.time) AS bucket,
    count(*) AS n,
    sum(r.value) AS sum,
    min(r.value) AS min,
    max(r.value) AS max,
    public.first(r.value, r.time) AS first,
    public.last(r.value, r.time) AS last
FROM reading AS r
WHERE r.status < 32768
GROUP BY 1, 2
WITH NO DATA;

CREATE MATERIALIZED VIEW reading_1h
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    m.point_id,
    public.time_bucket(interval '1 hour', m.bucket) AS bucket,
    sum(m.n)::bigint AS n,
    sum(m.sum) AS sum,
    min(m.min) AS min,
    max(m.max) AS max,
    public.first(m.first, m.bucket) AS first,
    public.last(m.last, m.bucket) AS last
FROM reading_1m AS m
GROUP BY 1, 2
WITH NO DATA;

-- By the job, for the minutes that it knows to be dirty; never over readings that are dropped already.
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

CREATE OR REPLACE FUNCTION drop_rollups(before timestamptz) RETURNS bigint LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM public.drop_chunks('reading_1m', older_than => before))
        + (SELECT count(*) FROM public.drop_chunks('reading_1h', older_than => before))
$$;

ALTER TABLE reading SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'point_id',
    timescaledb.compress_orderby = 'time DESC'
);

-- Late readings into compressed chunks cost three times as much: first let them come.
SELECT public.add_compression_policy('reading', interval '3 days');
