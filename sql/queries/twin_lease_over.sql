UPDATE lease
SET released_at = %(now)s, reason = %(reason)s
WHERE recommendation_id = %(id)s AND released_at IS NULL
