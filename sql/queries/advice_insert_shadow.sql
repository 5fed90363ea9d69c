INSERT INTO shadow_score VALUES (
    %(id)s, %(period_from)s, %(period_to)s, %(advised)s, %(operators)s, %(now)s
) ON CONFLICT DO NOTHING
