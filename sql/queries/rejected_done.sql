-- What has been read after all is refused no longer.
DELETE FROM reading_rejected
WHERE digest = any(%(digests)s)
