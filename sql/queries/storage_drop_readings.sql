-- Drop the readings before a day, unless some of them are still to be rolled up: then no row comes back.
WITH kept AS (
    UPDATE storage_state SET raw_from = greatest(raw_from, %(before)s::timestamptz)
    WHERE
        started
        AND NOT EXISTS (
            SELECT FROM rollup_dirty AS d
            WHERE d.from_minute < %(before)s::timestamptz AND d.to_minute > storage_state.raw_from
        )
    RETURNING raw_from
)

SELECT drop_readings(k.raw_from) AS dropped
FROM kept AS k
