-- Put a change on record; number, time and hashes come from the trigger, which takes any first values.
INSERT INTO audit (audit_id, at, actor, role, source, what, object, old, new, reason, previous, hash)
VALUES (
    0, now(), %(actor)s, %(role)s, %(source)s, %(what)s, %(object)s, %(old)s, %(new)s, %(reason)s, '', ''
)
