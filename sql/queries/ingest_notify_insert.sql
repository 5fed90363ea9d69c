-- One thing to tell on each channel; one that was told, or is about to be, is not told again.
INSERT INTO notification (site_id, kind, of, channel, message, created_at, next_at)
SELECT
    %(site)s,
    %(kind)s,
    %(of)s,
    c.channel,
    %(message)s,
    %(now)s,
    %(next_at)s
FROM unnest(%(channels)s::text[]) AS c (channel)
ON CONFLICT (site_id, kind, of, channel) DO NOTHING
RETURNING notification_id
