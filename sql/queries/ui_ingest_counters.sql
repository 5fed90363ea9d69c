-- What every ingest process has done since its start.
SELECT
    i.client_id,
    i.started_at,
    i.updated_at,
    i.received,
    i.stored,
    i.duplicate,
    i.rejected,
    i.filtered
FROM ingest_counter AS i
ORDER BY i.updated_at DESC
