-- Start to keep rollups; changes nothing from the second time on. What this session commits need not wait
-- for the disk: what a crash undoes is still dirty.
SELECT
    rollup_start() AS started,
    set_config('synchronous_commit', 'off', false) AS synchronous;
