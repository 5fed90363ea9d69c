-- Forget readings by minute and by hour before a time.
SELECT drop_rollups(%(before)s::timestamptz) AS dropped;
