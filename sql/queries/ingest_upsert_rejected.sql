-- A refused message: stored once, counted each time.
INSERT INTO reading_rejected AS r (digest, topic, payload, reason, first_at, last_at, seen)
VALUES (%(digest)s, %(topic)s, %(payload)s, %(reason)s, %(at)s, %(at)s, %(seen)s)
ON CONFLICT (digest) DO UPDATE SET
    last_at = excluded.last_at,
    reason = excluded.reason,
    seen = r.seen + excluded.seen
