-- One open alarm per source, since it was raised first; its words are the newest.
INSERT INTO alarm AS a (site_id, source, priority, message, action, raised_at)
VALUES (%(site)s, %(source)s, %(priority)s, %(message)s, %(action)s, %(now)s)
ON CONFLICT (site_id, source) WHERE cleared_at IS NULL DO UPDATE SET
    message = excluded.message,
    action = excluded.action
WHERE (a.message, a.action) IS DISTINCT FROM (excluded.message, excluded.action)
