-- Values that no mapping names: registered once, counted each time; new ones only while there are not too
-- many. Sorted, so that two writers never wait for each other in a circle.
INSERT INTO ingest_unmapped AS u (
    site_id, codec, name, topic, unit, suggestion, example, first_at, last_at, seen
)
SELECT
    %(site)s,
    n.codec,
    n.name,
    n.topic,
    n.unit,
    n.suggestion,
    n.example,
    %(now)s AS first_at,
    %(now)s AS last_at,
    n.seen
FROM
    unnest(
        %(codecs)s::text[],
        %(names)s::text[],
        %(topics)s::text[],
        %(units)s::text[],
        %(suggestions)s::text[],
        %(examples)s::text[],
        %(seen)s::bigint[]
    ) AS n (codec, name, topic, unit, suggestion, example, seen)
WHERE
    (
        SELECT count(*)
        FROM ingest_unmapped AS c
        WHERE c.site_id = %(site)s
    ) < %(most)s
    OR EXISTS (
        SELECT e.name
        FROM ingest_unmapped AS e
        WHERE e.site_id = %(site)s AND e.codec = n.codec AND e.name = n.name
    )
ORDER BY n.codec, n.name
ON CONFLICT (site_id, codec, name) DO UPDATE SET
    topic = excluded.topic,
    unit = excluded.unit,
    suggestion = excluded.suggestion,
    example = excluded.example,
    last_at = excluded.last_at,
    seen = u.seen + excluded.seen
