-- Keep a scenario; nothing comes back where the site has one of that name.
INSERT INTO whatif_scenario (site_id, name, actor, at, asked)
VALUES (%(site)s, %(called)s, %(actor)s, %(at)s, %(asked)s)
ON CONFLICT (site_id, name) DO NOTHING
RETURNING scenario_id
