-- Everything that happened to some recommendations, oldest first.
SELECT
    e.recommendation_id,
    e.at,
    e.from_state,
    e.to_state,
    e.actor,
    e.reason,
    e.detail
FROM recommendation_event AS e
WHERE e.recommendation_id = ANY(%(ids)s)
ORDER BY e.recommendation_id, e.event_id
