-- When a setpoint was first held on advice.
SELECT min(e.at) AS at
FROM recommendation_event AS e
INNER JOIN recommendation AS r ON e.recommendation_id = r.recommendation_id
WHERE r.site_id = %(site)s AND e.to_state = 'applied'
