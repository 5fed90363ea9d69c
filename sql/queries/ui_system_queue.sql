-- What waits: minutes to be rolled up, commands on their way, refused messages, names without a mapping,
-- messages to people, and how many of those were given up since a time.
SELECT
    (
        SELECT coalesce(sum(extract(EPOCH FROM d.to_minute - d.from_minute)) / 60, 0)::double precision
        FROM rollup_dirty AS d
    ) AS rollup_minutes,
    (
        SELECT count(*)
        FROM command AS c
        WHERE c.site_id = %(site)s AND c.state IN ('queued', 'sent', 'acknowledged')
    ) AS commands,
    (
        SELECT count(*)
        FROM reading_rejected
    ) AS refused,
    (
        SELECT count(*)
        FROM ingest_unmapped AS u
        WHERE u.site_id = %(site)s
    ) AS unmapped,
    (
        SELECT count(*)
        FROM notification AS n
        WHERE n.site_id = %(site)s AND n.state IN ('waiting', 'sending')
    ) AS untold,
    (
        SELECT count(*)
        FROM notification AS n
        WHERE n.site_id = %(site)s AND n.state = 'failed' AND n.created_at > %(since)s
    ) AS given_up
