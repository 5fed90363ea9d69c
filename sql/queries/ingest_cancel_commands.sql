-- What has not been sent of a recommendation that goes no further.
UPDATE command
SET state = 'failed', reason = %(reason)s
WHERE recommendation_id = %(id)s AND state = 'queued'
