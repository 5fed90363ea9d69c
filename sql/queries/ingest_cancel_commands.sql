-- What has not been sent of a recommendation that has failed.
UPDATE command
SET state = 'failed', reason = 'another command of the same recommendation failed'
WHERE recommendation_id = %(recommendation_id)s AND state = 'queued'
