-- The next refused messages to be read again, in the order in which they came.
SELECT
    r.digest,
    r.topic,
    r.payload,
    r.reason,
    r.first_at
FROM reading_rejected AS r
WHERE
    (r.first_at, r.digest) > (%(after_at)s, %(after_digest)s)
    AND r.first_at <= %(until)s
    AND strpos(lower(r.topic), lower(%(topic)s)) > 0
    AND strpos(lower(r.reason), lower(%(reason)s)) > 0
ORDER BY r.first_at, r.digest
LIMIT %(count)s
