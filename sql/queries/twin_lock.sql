SELECT recommendation_id FROM recommendation
WHERE recommendation_id = %(id)s
FOR UPDATE
