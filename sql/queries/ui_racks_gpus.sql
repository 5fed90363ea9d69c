-- Every GPU, and every machine that tells of its GPUs as of one, with the newest of what it says; a value
-- that is older than a time and not of the points that come more seldom, or is marked bad, is
-- none. One pass over the newest readings.
WITH newest AS (
    SELECT
        p.asset_id,
        p.name,
        l.time,
        l.value,
        l.status,
        l.time >= %(fresh)s OR p.asset_id || '/' || p.name = any(%(slow)s) AS fresh
    FROM point AS p
    INNER JOIN reading_latest AS l ON p.point_id = l.point_id
    WHERE
        p.site_id = %(site)s
        AND p.name IN (
            'gpu_power', 'gpu_power_limit', 'gpu_temperature', 'gpu_memory_temperature', 'gpu_clock',
            'gpu_memory_clock', 'gpu_memory_used', 'gpu_throttle_reasons', 'utilisation', 'power'
        )
),

told AS (
    SELECT
        n.asset_id,
        n.name,
        n.time,
        n.fresh,
        CASE WHEN n.fresh AND n.status < 32768 THEN n.value END AS value
    FROM newest AS n
)

SELECT
    t.asset_id,
    max(a.parent_id) AS parent_id,
    max(t.time) AS time,
    bool_or(t.fresh) AS fresh,
    max(t.value) FILTER (WHERE t.name = 'gpu_power') AS power_w,
    max(t.value) FILTER (WHERE t.name = 'power') AS machine_power_w,
    max(t.value) FILTER (WHERE t.name = 'gpu_power_limit') AS limit_w,
    max(t.value) FILTER (WHERE t.name = 'gpu_temperature') AS temperature_c,
    max(t.value) FILTER (WHERE t.name = 'gpu_memory_temperature') AS memory_temperature_c,
    max(t.value) FILTER (WHERE t.name = 'gpu_clock') AS clock_hz,
    max(t.value) FILTER (WHERE t.name = 'gpu_memory_clock') AS memory_clock_hz,
    max(t.value) FILTER (WHERE t.name = 'gpu_memory_used') AS memory_b,
    max(t.value) FILTER (WHERE t.name = 'utilisation') AS utilisation,
    max(t.value) FILTER (WHERE t.name = 'gpu_throttle_reasons') AS reasons
FROM told AS t
LEFT JOIN asset AS a ON a.site_id = %(site)s AND t.asset_id = a.asset_id
GROUP BY t.asset_id
HAVING bool_or(starts_with(t.name, 'gpu_'))
ORDER BY t.asset_id
