-- One open alarm per source; raising it again changes nothing.
INSERT INTO alarm (site_id, source, priority, message, action, raised_at)
VALUES (%(site)s, %(source)s, %(priority)s, %(message)s, %(action)s, %(now)s)
ON CONFLICT (site_id, source) WHERE cleared_at IS NULL DO NOTHING
