-- The newest messages that could not be read; payloads are bytes of strangers, so only their length is given.
SELECT
    r.topic,
    octet_length(r.payload) AS payload_bytes,
    r.reason,
    r.first_at,
    r.last_at,
    r.seen
FROM reading_rejected AS r
ORDER BY r.last_at DESC
LIMIT %(count)s
