SELECT
    transition(%(id)s, %(wanted)s, %(version)s, %(now)s, %(actor)s, %(reason)s, %(detail)s) AS done
