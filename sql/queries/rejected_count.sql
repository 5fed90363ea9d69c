-- How many refused messages there are whose topic and reason contain these texts.
SELECT count(*) AS count
FROM reading_rejected AS r
WHERE
    strpos(lower(r.topic), lower(%(topic)s)) > 0
    AND strpos(lower(r.reason), lower(%(reason)s)) > 0
