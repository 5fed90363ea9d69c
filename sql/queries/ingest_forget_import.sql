-- The next import of this file begins at its beginning.
DELETE FROM import_progress
WHERE site_id = %(site)s AND file_sha256 = %(file)s AND mapping_sha256 = %(mapping)s
