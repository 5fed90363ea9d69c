-- One open alarm per source; raising it again changes nothing; a row comes back where it was not open yet.
INSERT INTO alarm (site_id, source, priority, message, action, raised_at)
VALUES (%(site)s, %(source)s, %(priority)s, %(message)s, %(action)s, %(now)s)
ON CONFLICT (site_id, source) WHERE cleared_at IS NULL DO NOTHING
RETURNING alarm_id
