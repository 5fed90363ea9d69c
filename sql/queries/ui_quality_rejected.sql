-- Refused messages by topic and reason, those that came last first.
SELECT
    r.topic,
    r.reason,
    count(*) AS messages,
    sum(r.seen)::bigint AS seen,
    max(r.last_at) AS last_at
FROM reading_rejected AS r
GROUP BY r.topic, r.reason
ORDER BY max(r.last_at) DESC, r.topic ASC, r.reason ASC
LIMIT %(count)s
