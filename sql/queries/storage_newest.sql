-- What retention counts back from: the newest reading that is not in the future.
SELECT max(l.time) AS newest
FROM reading_latest AS l
WHERE l.time <= %(now)s
