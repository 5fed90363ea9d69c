-- The newest recommendations of a site.
SELECT
    r.recommendation_id AS number,
    r.version,
    r.kind,
    r.state,
    r.authority,
    r.created_at,
    r.expires_at,
    r.hold_until,
    r.changes,
    r.saving_p10_kw,
    r.saving_p50_kw,
    r.saving_p90_kw
FROM recommendation AS r
WHERE r.site_id = %(site)s
ORDER BY r.recommendation_id DESC
LIMIT %(count)s
