INSERT INTO recommendation (
    site_id, created_at, expires_at, due_at, kind, authority, of_recommendation_id, changes, objective,
    saving_p10_kw, saving_p50_kw, saving_p90_kw, attribution, prediction, verdicts, rule, plan,
    calibration_id
)
VALUES (
    %(site)s, %(now)s, %(expires_at)s, %(expires_at)s, %(kind)s, %(authority)s, %(of)s, %(changes)s,
    %(objective)s, %(p10)s, %(p50)s, %(p90)s, %(attribution)s, %(prediction)s, %(verdicts)s, %(rule)s,
    %(plan)s, %(calibration_id)s
)
RETURNING recommendation_id
