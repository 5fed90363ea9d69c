SELECT r.version
FROM recommendation AS r
WHERE r.recommendation_id = %(number)s
