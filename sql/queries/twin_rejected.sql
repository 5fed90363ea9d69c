-- Recommendations that an operator turned down lately.
SELECT r.changes
FROM recommendation AS r
INNER JOIN recommendation_event AS e ON r.recommendation_id = e.recommendation_id
WHERE r.site_id = %(site)s AND e.to_state = 'rejected' AND e.at > %(since)s
ORDER BY r.recommendation_id
