-- Refused messages whose digest begins so, with what came; two are enough to see that it is not one.
SELECT
    encode(r.digest, 'hex') AS digest,
    r.topic,
    r.payload,
    r.reason,
    r.first_at,
    r.last_at,
    r.seen
FROM reading_rejected AS r
WHERE starts_with(encode(r.digest, 'hex'), %(digest)s)
ORDER BY r.digest
LIMIT 2
