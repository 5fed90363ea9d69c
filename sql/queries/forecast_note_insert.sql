-- What stands behind one issue; what was noted once stays as it was.
INSERT INTO forecast_note (site_id, target, step_s, model, issued_at, note)
VALUES (%(site)s, %(target)s, %(step_s)s, %(model)s, %(issued_at)s, %(note)s)
ON CONFLICT (site_id, target, step_s, model, issued_at) DO NOTHING
