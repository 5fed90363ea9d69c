-- What people decided last, of each kind and for each scope.
SELECT DISTINCT ON (s.kind, s.scope)
    s.setting_id,
    s.kind,
    s.scope,
    s.value,
    s.actor,
    s.reason,
    s.at,
    s.evidence
FROM advice_setting AS s
WHERE s.site_id = %(site)s
ORDER BY s.kind ASC, s.scope ASC, s.setting_id DESC
