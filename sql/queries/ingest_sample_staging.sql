-- Where samples wait that may be there already; one for each connection.
CREATE TEMPORARY TABLE IF NOT EXISTS gpu_sample_staging (LIKE gpu_sample) ON COMMIT DELETE ROWS
