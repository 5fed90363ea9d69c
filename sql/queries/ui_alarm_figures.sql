-- How the alarms of a period came, after EEMUA 191 and ISA-18.2, from what is on record; notifications, and
-- what was put aside when it was raised, asked for nobody. Windows are ten minutes of the clock, of which
-- `since` begins one.
WITH raised AS (
    SELECT
        e.at,
        a.source,
        a.priority
    FROM alarm_event AS e
    INNER JOIN alarm AS a ON e.alarm_id = a.alarm_id
    WHERE
        e.site_id = %(site)s AND e.verb = 'raise' AND a.kind = 'alarm'
        AND e.at >= %(since)s AND e.at < %(until)s
        AND NOT EXISTS (
            SELECT FROM alarm_event AS w
            WHERE
                w.alarm_id = e.alarm_id AND w.at = e.at AND w.verb IN ('shelve', 'suppress', 'take_out')
        )
),

windows AS (
    SELECT
        date_bin('10 minutes', at, timestamptz '1970-01-01 00:00+00') AS begun,
        count(*) AS raised
    FROM raised
    GROUP BY begun
),

sources AS (
    SELECT
        source,
        count(*) AS raised
    FROM raised
    GROUP BY source
    ORDER BY raised DESC, source ASC
    LIMIT 10
),

chattering AS (
    SELECT DISTINCT c.source
    FROM (
        SELECT
            source,
            at - lag(at, 2) OVER (PARTITION BY source ORDER BY at) AS span
        FROM raised
    ) AS c
    WHERE c.span <= interval '60 s'
),

standing AS (
    SELECT a.source
    FROM alarm_event AS e
    INNER JOIN alarm AS a ON e.alarm_id = a.alarm_id
    WHERE
        e.site_id = %(site)s AND e.verb = 'raise' AND a.kind = 'alarm'
        AND e.at < %(until)s::timestamptz - interval '24 h'
        AND NOT EXISTS (
            SELECT FROM alarm_event AS c
            WHERE c.alarm_id = e.alarm_id AND c.verb = 'clear' AND c.at <= %(until)s
        )
        AND (
            SELECT l.to_state FROM alarm_event AS l
            WHERE l.alarm_id = e.alarm_id AND l.at <= %(until)s
            ORDER BY l.event_id DESC
            LIMIT 1
        ) IN ('unacknowledged', 'acknowledged')
)

SELECT
    (SELECT count(*) FROM raised) AS raised,
    ceil(extract(EPOCH FROM %(until)s::timestamptz - %(since)s::timestamptz) / 600)::integer AS windows,
    (SELECT count(*) FILTER (WHERE w.raised > 10 * %(positions)s) FROM windows AS w) AS floods,
    (SELECT coalesce(max(w.raised), 0) FROM windows AS w) AS most,
    (
        SELECT
            coalesce(
                jsonb_agg(
                    jsonb_build_object('source', s.source, 'raised', s.raised)
                    ORDER BY s.raised DESC, s.source ASC
                ),
                '[]'
            )
        FROM sources AS s
    ) AS bad_actors,
    (SELECT coalesce(jsonb_agg(c.source ORDER BY c.source), '[]') FROM chattering AS c) AS chattering,
    (SELECT coalesce(jsonb_agg(s.source ORDER BY s.source), '[]') FROM standing AS s) AS stale,
    (
        SELECT coalesce(jsonb_object_agg(m.priority, m.raised), '{}')
        FROM (
            SELECT
                r.priority,
                count(*) AS raised
            FROM raised AS r
            GROUP BY r.priority
        ) AS m
    ) AS mix
