-- The whole record in its order.
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
    a.reason,
    a.previous,
    a.hash
FROM audit AS a
WHERE a.audit_id > %(after)s
ORDER BY a.audit_id
LIMIT %(count)s
