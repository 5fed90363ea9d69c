-- Which calibration of a site is in use, without what it holds.
SELECT c.calibration_id
FROM calibration AS c
WHERE c.site_id = %(site)s
ORDER BY c.created_at DESC, c.calibration_id DESC
LIMIT 1
