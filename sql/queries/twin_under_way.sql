-- Recommendations on whose account something is still to happen at the plant: core.actions.ON_THE_WAY.
SELECT
    r.recommendation_id,
    r.state
FROM recommendation AS r
WHERE
    r.site_id = %(site)s
    AND r.kind <> 'revert'
    AND r.state IN (
        'accepted', 'awaiting_second', 'precheck', 'instructed', 'queued', 'sent', 'acked', 'applied',
        'ramping', 'releasing', 'failed', 'reverting'
    )
ORDER BY r.recommendation_id
