-- Of forecasts older than some time stay those of the models that counted and of the reference, at some times
-- of the site's day; of their notes the same. Scenarios go earlier.
WITH counted AS (
    SELECT DISTINCT
        c.target,
        c.step_s,
        c.model
    FROM forecast_choice AS c
    WHERE c.site_id = %(site)s
),

no_paths AS (
    DELETE FROM forecast_path AS p
    WHERE p.site_id = %(site)s AND p.issued_at < %(paths_before)s
    RETURNING p.path
),

no_notes AS (
    DELETE FROM forecast_note AS n
    WHERE
        n.site_id = %(site)s AND n.issued_at < %(before)s
        AND NOT (
            (n.issued_at AT TIME ZONE %(timezone)s)::TIME = any(%(times)s::TIME[])
            AND (
                n.model = any(%(models)s)
                OR EXISTS (
                    SELECT c.model
                    FROM counted AS c
                    WHERE c.target = n.target AND c.step_s = n.step_s AND c.model = n.model
                )
            )
        )
    RETURNING n.model
),

no_forecasts AS (
    DELETE FROM forecast AS f
    WHERE
        f.site_id = %(site)s AND f.issued_at < %(before)s
        AND NOT (
            (f.issued_at AT TIME ZONE %(timezone)s)::TIME = any(%(times)s::TIME[])
            AND (
                f.model = any(%(models)s)
                OR EXISTS (
                    SELECT c.model
                    FROM counted AS c
                    WHERE c.target = f.target AND c.step_s = f.step_s AND c.model = f.model
                )
            )
        )
    RETURNING f.model
)

SELECT
    (SELECT count(*) FROM no_forecasts) AS forecasts,
    (SELECT count(*) FROM no_notes) AS notes,
    (SELECT count(*) FROM no_paths) AS paths
