-- Refused messages whose topic and reason contain these texts, the newest first.
SELECT
    encode(r.digest, 'hex') AS digest,
    r.topic,
    octet_length(r.payload) AS payload_bytes,
    r.reason,
    r.first_at,
    r.last_at,
    r.seen
FROM reading_rejected AS r
WHERE
    strpos(lower(r.topic), lower(%(topic)s)) > 0
    AND strpos(lower(r.reason), lower(%(reason)s)) > 0
ORDER BY r.last_at DESC, r.digest ASC
LIMIT %(count)s
