-- Where a batch waits that may hold duplicates; one for each connection.
CREATE TEMPORARY TABLE IF NOT EXISTS reading_staging (
    time timestamptz NOT NULL,
    value double precision NOT NULL,
    point_id integer NOT NULL,
    status integer NOT NULL
) ON COMMIT DELETE ROWS
