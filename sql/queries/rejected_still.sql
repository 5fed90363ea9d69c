-- What is still refused, with today's reason.
UPDATE reading_rejected AS r
SET reason = n.reason
FROM unnest(%(digests)s::bytea[], %(reasons)s::text[]) AS n (digest, reason)
WHERE r.digest = n.digest AND r.reason <> n.reason
