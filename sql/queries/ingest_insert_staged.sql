-- What was staged becomes readings; one that is there already stays as it is.
INSERT INTO reading (time, value, point_id, status)
SELECT
    s.time,
    s.value,
    s.point_id,
    s.status
FROM reading_staging AS s
ON CONFLICT (point_id, time) DO NOTHING
