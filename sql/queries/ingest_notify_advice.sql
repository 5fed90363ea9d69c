-- Recommendations that wait for a decision or were taken back lately, unless every channel knows of them.
SELECT
    r.site_id,
    r.recommendation_id AS number,
    e.to_state AS kind,
    e.at,
    e.reason,
    r.changes,
    r.saving_p10_kw,
    r.saving_p50_kw,
    r.saving_p90_kw
FROM recommendation AS r
INNER JOIN recommendation_event AS e ON r.recommendation_id = e.recommendation_id AND r.state = e.to_state
WHERE
    r.site_id = %(site)s AND r.authority <> 'shadow'
    AND (r.state = 'proposed' OR (r.state = 'reverted' AND e.at > %(since)s))
    AND EXISTS (
        SELECT FROM unnest(%(channels)s::text[]) AS c (channel)
        WHERE NOT EXISTS (
            SELECT FROM notification AS n
            WHERE
                n.site_id = r.site_id AND n.kind = e.to_state AND n.of = r.recommendation_id
                AND n.channel = c.channel
        )
    )
ORDER BY e.event_id
