-- How far an import came that was broken off, or was finished.
SELECT
    rows_done,
    readings,
    rejected,
    oldest,
    updated_at
FROM import_progress
WHERE site_id = %(site)s AND file_sha256 = %(file)s AND mapping_sha256 = %(mapping)s
