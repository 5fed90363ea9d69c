INSERT INTO advice_setting (site_id, kind, scope, value, actor, reason, at, evidence)
VALUES (%(site)s, %(kind)s, %(scope)s, %(value)s, %(actor)s, %(reason)s, %(at)s, %(evidence)s)
RETURNING setting_id
