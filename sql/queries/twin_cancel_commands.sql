-- Commands that have not been sent are not sent any more.
UPDATE command
SET state = 'expired', reason = %(reason)s
WHERE recommendation_id = %(id)s AND state = 'queued'
