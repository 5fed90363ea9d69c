-- Who feeds whom, as heard last.
INSERT INTO asset_serves (site_id, object_id, relation, other_id, first_at, last_at)
SELECT
    %(site)s,
    n.object_id,
    n.relation,
    n.other_id,
    %(now)s AS first_at,
    %(now)s AS last_at
FROM
    unnest(
        %(objects)s::text[],
        %(relations)s::text[],
        %(others)s::text[]
    ) AS n (object_id, relation, other_id)
ORDER BY n.object_id, n.relation, n.other_id
ON CONFLICT (site_id, object_id, relation, other_id) DO UPDATE SET
    last_at = excluded.last_at
