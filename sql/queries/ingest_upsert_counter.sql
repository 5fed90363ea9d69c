INSERT INTO ingest_counter
(client_id, started_at, updated_at, received, stored, duplicate, rejected, filtered)
VALUES (
    %(client_id)s, %(started_at)s, %(updated_at)s,
    %(received)s, %(stored)s, %(duplicate)s, %(rejected)s, %(filtered)s
)
ON CONFLICT (client_id) DO UPDATE SET
    started_at = excluded.started_at,
    updated_at = excluded.updated_at,
    received = excluded.received,
    stored = excluded.stored,
    duplicate = excluded.duplicate,
    rejected = excluded.rejected,
    filtered = excluded.filtered
