-- Make room for a new champion.
UPDATE model_version AS v
SET status = 'retired'
WHERE
    v.site_id = %(site)s AND v.target = %(target)s AND v.step_s = %(step_s)s AND v.model = %(model)s
    AND v.status = 'champion'
