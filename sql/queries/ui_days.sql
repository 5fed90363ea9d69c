-- The site's days, newest first, on which all of some points have a reading, or a minute that was rolled up
-- where the readings are dropped.
SELECT d.day::date AS day
FROM
    generate_series(
        date_trunc('day', %(first)s::timestamptz AT TIME ZONE %(zone)s::text),
        %(last)s::timestamptz AT TIME ZONE %(zone)s::text,
        interval '1 day'
    ) AS d (day)
WHERE
    NOT EXISTS (
        SELECT FROM unnest(%(points)s::integer[]) AS p (point_id)
        WHERE (
            SELECT 1
            FROM reading_all AS r
            WHERE
                r.point_id = p.point_id
                AND r.time >= d.day AT TIME ZONE %(zone)s::text
                AND r.time < (d.day + interval '1 day') AT TIME ZONE %(zone)s::text
            LIMIT 1 -- noqa: AM09
        ) IS NULL
        AND (
            SELECT 1
            FROM reading_1m AS m
            WHERE
                m.point_id = p.point_id
                AND m.bucket >= d.day AT TIME ZONE %(zone)s::text
                AND m.bucket < (d.day + interval '1 day') AT TIME ZONE %(zone)s::text
            LIMIT 1 -- noqa: AM09
        ) IS NULL
    )
ORDER BY d.day DESC
