-- What has become known of a version since it was trained.
UPDATE model_version AS v
SET card = %(card)s
WHERE v.model_version_id = %(model_version_id)s
