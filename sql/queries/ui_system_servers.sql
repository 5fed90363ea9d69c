-- What the database is, and how large.
SELECT
    current_setting('server_version') AS postgresql,
    (
        SELECT e.extversion
        FROM pg_extension AS e
        WHERE e.extname = 'timescaledb'
    ) AS timescaledb,
    pg_database_size(current_database()) AS size_bytes
