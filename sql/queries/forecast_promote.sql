-- Put a version in force.
UPDATE model_version AS v
SET status = 'champion'
WHERE v.model_version_id = %(model_version_id)s
