-- Of two decisions at one time the later counts.
INSERT INTO forecast_choice (site_id, target, step_s, decided_at, model, reason)
VALUES (%(site)s, %(target)s, %(step_s)s, %(now)s, %(model)s, %(reason)s)
ON CONFLICT (site_id, target, step_s, decided_at) DO UPDATE SET
    model = excluded.model,
    reason = excluded.reason
