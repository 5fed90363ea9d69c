-- What other tools read (docs/grafana.md): the same names in every storage mode. Series are functions, so
-- that rollups are used where they are right; the rest are views.

CREATE VIEW point_now AS
SELECT
    p.site_id,
    p.asset_id || '/' || p.name AS ref,
    p.asset_id,
    p.name,
    p.unit,
    p.role,
    l.time,
    l.value,
    l.status,
    CASE WHEN l.status >= 32768 THEN 'bad' WHEN l.status >= 16384 THEN 'uncertain' ELSE 'good' END AS quality
FROM point AS p
INNER JOIN reading_latest AS l ON p.point_id = l.point_id;

COMMENT ON VIEW point_now IS 'the newest reading of every point [canonical unit], measured';

-- The newest issue of every model, going from key to key in the index: the table may be long.
CREATE VIEW forecast_now AS
WITH RECURSIVE line AS (
    (
        SELECT
            f.site_id,
            f.target,
            f.step_s,
            f.model
        FROM forecast AS f
        ORDER BY f.site_id, f.target, f.step_s, f.model
        LIMIT 1
    )
    UNION ALL
    SELECT
        n.site_id,
        n.target,
        n.step_s,
        n.model
    FROM line AS l
    CROSS JOIN LATERAL (
        SELECT
            f.site_id,
            f.target,
            f.step_s,
            f.model
        FROM forecast AS f
        WHERE (f.site_id, f.target, f.step_s, f.model) > (l.site_id, l.target, l.step_s, l.model)
        ORDER BY f.site_id, f.target, f.step_s, f.model
        LIMIT 1
    ) AS n
)

SELECT
    f.site_id,
    f.target,
    f.model,
    f.step_s,
    f.issued_at,
    f.valid_at AS time,
    f.q05,
    f.q10,
    f.q25,
    f.q50,
    f.q75,
    f.q90,
    f.q95
FROM line AS l
CROSS JOIN
    LATERAL (
        SELECT n.issued_at
        FROM forecast AS n
        WHERE n.site_id = l.site_id AND n.target = l.target AND n.step_s = l.step_s AND n.model = l.model
        ORDER BY n.issued_at DESC
        LIMIT 1
    ) AS newest
INNER JOIN forecast AS f
    ON
        l.site_id = f.site_id AND l.target = f.target AND l.step_s = f.step_s AND l.model = f.model
        AND newest.issued_at = f.issued_at;

COMMENT ON VIEW forecast_now IS 'quantiles of the mean power over each step [W], forecast';

CREATE VIEW advice_now AS
SELECT
    r.site_id,
    r.recommendation_id,
    r.version,
    r.state,
    r.kind,
    r.authority,
    r.created_at AS time,
    r.expires_at,
    r.objective,
    r.changes,
    r.saving_p10_kw,
    r.saving_p50_kw,
    r.saving_p90_kw,
    v.saving_p50_kwh AS verified_p50_kwh
FROM recommendation AS r
LEFT JOIN LATERAL (
    SELECT n.saving_p50_kwh
    FROM verification AS n
    WHERE n.recommendation_id = r.recommendation_id
    ORDER BY n.verification_id DESC
    LIMIT 1
) AS v ON TRUE;

COMMENT ON VIEW advice_now IS 'recommendations: savings modelled [kW], measured afterwards [kWh]';

CREATE VIEW alarm_now AS
SELECT
    a.site_id,
    a.alarm_id,
    a.raised_at AS time,
    a.priority,
    a.source,
    a.message,
    a.action,
    a.acknowledged_at,
    a.acknowledged_by
FROM alarm AS a
WHERE a.cleared_at IS NULL;

COMMENT ON VIEW alarm_now IS 'the alarms that stand; priority 1 is the gravest';

-- Means of one point, asset/point, per step [canonical unit]; no row where nothing was measured.
CREATE FUNCTION point_series(
    of_site text, of_ref text, step interval, from_time timestamptz, to_time timestamptz
) RETURNS TABLE (
    "time" timestamptz, -- noqa: RF06
    value double precision
) LANGUAGE sql STABLE AS $$
    SELECT s.bucket, s.value
    FROM sum_by_step(
        ARRAY(
            SELECT p.point_id FROM point AS p
            WHERE p.site_id = of_site AND p.asset_id || '/' || p.name = of_ref
        ), step, from_time, to_time
    ) AS s
    ORDER BY s.bucket
$$;

-- The points that a meter of site.toml adds up (facility, it, chiller, crah_fan, pump, tower_fan, ...); NULL
-- where one of them was never heard, so that no sum lacks a part.
CREATE FUNCTION meter_points(of_site text, meters text[]) RETURNS integer[] LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN count(*) = count(p.point_id) THEN array_agg(p.point_id) END
    FROM site AS s
    CROSS JOIN unnest(meters) AS m (name)
    CROSS JOIN LATERAL jsonb_array_elements(s.description -> 'meters' -> m.name) AS r (ref)
    LEFT JOIN point AS p
        ON p.site_id = s.site_id AND p.asset_id = r.ref ->> 'asset' AND p.name = r.ref ->> 'point'
    WHERE s.site_id = of_site
$$;

-- Powers of the whole site per step [W], measured, and the ratio of facility to IT power over the step, which
-- over a long one is its PUE in the category of the meters.
CREATE FUNCTION site_power(of_site text, step interval, from_time timestamptz, to_time timestamptz)
RETURNS TABLE (
    "time" timestamptz, -- noqa: RF06
    facility_w double precision,
    it_w double precision,
    cooling_w double precision,
    power_ratio double precision
) LANGUAGE sql STABLE AS $$
    SELECT f.bucket, f.value, i.value, c.value, f.value / nullif(i.value, 0)
    FROM sum_by_step(meter_points(of_site, '{facility}'), step, from_time, to_time) AS f
    LEFT JOIN sum_by_step(meter_points(of_site, '{it}'), step, from_time, to_time) AS i
        ON f.bucket = i.bucket
    LEFT JOIN sum_by_step(
        meter_points(of_site, '{chiller,crah_fan,pump,tower_fan,evaporative}'), step, from_time, to_time
    ) AS c ON f.bucket = c.bucket
    ORDER BY f.bucket
$$;
