-- Refused messages that nobody has sent again for a long time.
DELETE FROM reading_rejected
WHERE last_at < %(before)s
RETURNING digest
