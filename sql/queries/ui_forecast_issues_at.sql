-- The newest issue of each of a target's models that was made by a time.
SELECT
    m.model,
    (
        SELECT f.issued_at
        FROM forecast AS f
        WHERE
            f.site_id = %(site)s
            AND f.target = %(target)s
            AND f.step_s = %(step_s)s
            AND f.model = m.model
            AND f.issued_at <= %(at)s
        ORDER BY f.issued_at DESC
        LIMIT 1
    ) AS issued_at
FROM unnest(%(models)s::text[]) AS m (model)
ORDER BY m.model
