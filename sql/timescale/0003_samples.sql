-- Where TimescaleDB is there (any edition): chunks of a day for the samples, too.
SELECT create_hypertable(
    'gpu_sample', by_range('time', interval '1 day'), create_default_indexes => false, migrate_data => true
);

CALL define_reading_views();

-- As in 0002, of both tables.
CREATE OR REPLACE FUNCTION drop_readings(before timestamptz) RETURNS bigint LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM public.drop_chunks('reading', older_than => before))
        + (SELECT count(*) FROM public.drop_chunks('gpu_sample', older_than => before))
$$;
