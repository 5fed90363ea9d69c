-- How far the import of a file has come: written with the readings, in the same transaction.
CREATE TABLE import_progress (
    site_id text NOT NULL,
    file_sha256 bytea NOT NULL,  -- of what is in it, whatever its name
    mapping_sha256 bytea NOT NULL,  -- of the mapping as it was understood, and of the time of second 0
    rows_done bigint NOT NULL,
    rows_total bigint NOT NULL,  -- as many are done: finished
    readings bigint NOT NULL,  -- in the rows that are done
    rejected bigint NOT NULL,  -- cells and times of these rows that are no readings
    oldest timestamptz,  -- of the readings; once it is dropped, nobody knows any more what is still there
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (site_id, file_sha256, mapping_sha256),
    CHECK (rows_done <= rows_total)
);
