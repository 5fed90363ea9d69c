SELECT transition(
    %(recommendation_id)s::bigint, %(wanted)s::text, NULL, %(now)s::timestamptz, 'ingest', %(because)s::text
) AS done
