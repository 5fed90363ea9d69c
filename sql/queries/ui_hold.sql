-- Whether everything is stopped, by whom and why.
SELECT
    s.value,
    s.actor,
    s.reason,
    s.at
FROM advice_setting AS s
WHERE s.site_id = %(site)s AND s.kind = 'hold' AND s.scope = ''
ORDER BY s.setting_id DESC
LIMIT 1
