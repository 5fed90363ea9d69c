-- Take a recommendation one step further; false where somebody else was first or there is no such step.
SELECT
    transition(
        %(id)s::bigint, %(wanted)s::text, %(version)s::integer, %(at)s::timestamptz, %(actor)s::text,
        %(reason)s::text, %(detail)s::jsonb, %(due)s::timestamptz
    ) AS done
