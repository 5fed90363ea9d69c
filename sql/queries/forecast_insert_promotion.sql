-- On record: a version is in force from now on.
INSERT INTO model_promotion (model_version_id, at, actor, reason, takes_back)
VALUES (%(model_version_id)s, %(at)s, %(actor)s, %(reason)s, %(takes_back)s)
