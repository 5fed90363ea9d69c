-- Files of which readings have been dropped are not there any more as they were imported.
DELETE FROM import_progress
WHERE oldest < %(before)s
