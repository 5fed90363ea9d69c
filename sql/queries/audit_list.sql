-- What is on record, newest first; an empty filter takes all.
SELECT
    a.audit_id,
    a.at,
    a.actor,
    a.role,
    a.source,
    a.what,
    a.object,
    a.old,
    a.new,
    a.reason
FROM audit AS a
WHERE
    (%(actor)s = '' OR a.actor = %(actor)s)
    AND (%(object)s = '' OR position(%(object)s IN a.object) > 0)
    AND a.at >= coalesce(%(from_time)s::timestamptz, '-infinity')
    AND a.at < coalesce(%(to_time)s::timestamptz, 'infinity')
ORDER BY a.audit_id DESC
LIMIT %(count)s
