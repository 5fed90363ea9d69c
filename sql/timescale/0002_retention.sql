-- Where TimescaleDB is there (any edition): old readings go by whole chunks.
CREATE OR REPLACE FUNCTION drop_readings(before timestamptz) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM public.drop_chunks('reading', older_than => before)
$$;
