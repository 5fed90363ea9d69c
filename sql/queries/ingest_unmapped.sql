-- What devices send and site.toml does not name, newest first, each with the line that would map it.
SELECT
    u.codec,
    u.name,
    u.topic,
    u.unit,
    u.example,
    u.first_at,
    u.last_at,
    u.seen,
    format(
        '"%%s" = "ASSET/%%s%%s"',
        replace(replace(u.name, '\', '\\'), '"', '\"'),
        coalesce(nullif(u.suggestion, ''), 'POINT'),
        CASE WHEN u.unit <> '' THEN ':' || u.unit ELSE '' END
    ) AS mapping
FROM ingest_unmapped AS u
WHERE u.site_id = %(site)s
ORDER BY u.last_at DESC, u.codec ASC, u.name ASC
LIMIT %(count)s
