SELECT state FROM recommendation
WHERE recommendation_id = %(id)s
FOR UPDATE
