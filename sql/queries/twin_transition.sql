-- Move a recommendation on; false where that step is not allowed or its version is another one by now.
SELECT
    transition(
        %(id)s, %(wanted)s, %(version)s, %(now)s, %(actor)s, %(reason)s, %(detail)s
    ) AS done
