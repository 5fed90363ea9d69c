UPDATE recommendation
SET wakes_at = %(wakes_at)s
WHERE recommendation_id = %(id)s
