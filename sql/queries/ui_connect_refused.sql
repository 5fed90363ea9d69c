-- The newest refused message of a topic.
SELECT r.payload
FROM reading_rejected AS r
WHERE r.topic = %(topic)s
ORDER BY r.last_at DESC
LIMIT 1
