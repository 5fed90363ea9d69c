-- So many rows of a file are done.
INSERT INTO import_progress
(site_id, file_sha256, mapping_sha256, rows_done, rows_total, readings, rejected, oldest, updated_at)
VALUES (
    %(site)s, %(file)s, %(mapping)s,
    %(rows_done)s, %(rows_total)s, %(readings)s, %(rejected)s, %(oldest)s, %(now)s
)
ON CONFLICT (site_id, file_sha256, mapping_sha256) DO UPDATE SET
    rows_done = excluded.rows_done,
    rows_total = excluded.rows_total,
    readings = excluded.readings,
    rejected = excluded.rejected,
    oldest = excluded.oldest,
    updated_at = excluded.updated_at
