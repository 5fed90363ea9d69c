-- A trained model, not in force yet.
INSERT INTO model_version (
    site_id, target, step_s, model, status, trained_at, data_from, data_to, card, weights, weights_sha256
)
VALUES (
    %(site)s, %(target)s, %(step_s)s, %(model)s, 'challenger', %(trained_at)s, %(data_from)s, %(data_to)s,
    %(card)s, %(weights)s, %(weights_sha256)s
)
RETURNING model_version_id
