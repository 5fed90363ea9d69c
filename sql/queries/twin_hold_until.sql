UPDATE recommendation
SET hold_until = %(hold_until)s
WHERE recommendation_id = %(id)s
