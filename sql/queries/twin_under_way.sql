-- Recommendations that were accepted and that the plant has not answered yet.
SELECT
    r.recommendation_id,
    r.state
FROM recommendation AS r
WHERE r.site_id = %(site)s AND r.state IN ('accepted', 'sent')
ORDER BY r.recommendation_id
