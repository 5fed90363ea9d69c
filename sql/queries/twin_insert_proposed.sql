INSERT INTO recommendation_event
(recommendation_id, at, from_state, to_state, actor, reason, detail)
VALUES (%(id)s, %(now)s, NULL, 'proposed', %(actor)s, %(reason)s, %(detail)s)
