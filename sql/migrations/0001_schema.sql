-- The whole schema on plain PostgreSQL 15 or later. Times are event times, UTC; values are in the point's
-- canonical unit (core/units.py).

CREATE TABLE site (
    site_id text PRIMARY KEY,
    name text NOT NULL,
    timezone text NOT NULL,
    description jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE asset (
    site_id text NOT NULL,
    asset_id text NOT NULL,
    brick_class text NOT NULL,
    parent_id text,
    label text NOT NULL,
    PRIMARY KEY (site_id, asset_id)
);

-- One measured or commanded quantity of an asset. Insert-only, so that writers may cache it.
CREATE TABLE point (
    point_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL,
    asset_id text NOT NULL,
    name text NOT NULL,
    unit text NOT NULL,
    role text NOT NULL CHECK (role IN ('sensor', 'setpoint', 'status')),
    state_class text NOT NULL CHECK (state_class IN ('measurement', 'total', 'total_increasing')),
    source text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now(),
    UNIQUE (site_id, asset_id, name)
);

-- The primary key makes a redelivered reading harmless. No foreign key on the hot path.
CREATE TABLE reading (
    time timestamptz NOT NULL,
    value double precision NOT NULL,
    point_id integer NOT NULL,
    status integer NOT NULL DEFAULT 0,  -- upper 16 bits of the OPC UA status code; >= 32768 is bad
    PRIMARY KEY (point_id, time)
);

CREATE TABLE reading_latest (
    point_id integer PRIMARY KEY,
    time timestamptz NOT NULL,
    value double precision NOT NULL,
    status integer NOT NULL
);

-- A message that could not be read, once, with a count: a redelivered one adds to `seen`.
CREATE TABLE reading_rejected (
    digest bytea PRIMARY KEY,  -- sha256 of topic and payload
    topic text NOT NULL,
    payload bytea NOT NULL,
    reason text NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    seen bigint NOT NULL DEFAULT 1
);

-- What one ingest process has done since its start: received = stored + duplicate + rejected + filtered.
CREATE TABLE ingest_counter (
    client_id text PRIMARY KEY,
    started_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    received bigint NOT NULL,
    stored bigint NOT NULL,
    duplicate bigint NOT NULL,
    rejected bigint NOT NULL,
    filtered bigint NOT NULL
);

-- Weather as it was forecast: what was known when.
CREATE TABLE weather_forecast (
    site_id text NOT NULL,
    issued_at timestamptz NOT NULL,
    valid_at timestamptz NOT NULL,
    available_at timestamptz NOT NULL,
    dry_bulb_c double precision NOT NULL,
    wet_bulb_c double precision NOT NULL,
    PRIMARY KEY (site_id, valid_at, issued_at)
);

CREATE TABLE model_version (
    model_version_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL,
    target text NOT NULL,
    model text NOT NULL,
    status text NOT NULL CHECK (status IN ('champion', 'challenger', 'retired')),
    trained_at timestamptz NOT NULL,
    data_from timestamptz NOT NULL,
    data_to timestamptz NOT NULL,
    card jsonb NOT NULL,
    weights bytea,  -- safetensors, never a pickle
    weights_sha256 text
);

CREATE UNIQUE INDEX model_version_champion ON model_version (site_id, target, model)
WHERE status = 'champion';

CREATE TABLE forecast (
    site_id text NOT NULL,
    target text NOT NULL,  -- it_power, cooling_power
    model text NOT NULL,
    issued_at timestamptz NOT NULL,
    valid_at timestamptz NOT NULL,
    step_s integer NOT NULL,
    q05 double precision NOT NULL,  -- [W], mean over the step that starts at valid_at
    q10 double precision NOT NULL,
    q25 double precision NOT NULL,
    q50 double precision NOT NULL,
    q75 double precision NOT NULL,
    q90 double precision NOT NULL,
    q95 double precision NOT NULL,
    model_version_id bigint,
    PRIMARY KEY (site_id, target, model, issued_at, valid_at)
);

CREATE TABLE calibration (
    calibration_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL,
    created_at timestamptz NOT NULL,
    period_from timestamptz NOT NULL,
    period_to timestamptz NOT NULL,
    parameters jsonb NOT NULL,
    unidentified jsonb NOT NULL,
    errors jsonb NOT NULL,
    envelope jsonb NOT NULL
);

CREATE TABLE recommendation (
    recommendation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL,
    state text NOT NULL DEFAULT 'proposed',
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    changes jsonb NOT NULL,  -- [{setpoint, from_c, to_c}]
    objective text NOT NULL,
    saving_p10_kw double precision NOT NULL,
    saving_p50_kw double precision NOT NULL,
    saving_p90_kw double precision NOT NULL,
    attribution jsonb NOT NULL,  -- {subsystem: kW saved}; adds up to saving_p50_kw
    prediction jsonb NOT NULL,
    verdicts jsonb NOT NULL,  -- every gate's verdict with its reason
    rule jsonb NOT NULL,  -- what the rule would have done, and its saving
    calibration_id bigint
);

CREATE TABLE recommendation_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recommendation_id bigint NOT NULL REFERENCES recommendation,
    at timestamptz NOT NULL,
    from_state text,
    to_state text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);

-- A setpoint on its way to the plant. Only the gates' acceptance writes here.
CREATE TABLE command (
    command_id uuid PRIMARY KEY,
    recommendation_id bigint NOT NULL REFERENCES recommendation,
    site_id text NOT NULL,
    asset_id text NOT NULL,
    point text NOT NULL,
    value double precision NOT NULL,  -- canonical unit
    previous_value double precision NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'queued'
    CHECK (state IN ('queued', 'sent', 'acknowledged', 'applied', 'refused', 'expired', 'failed')),
    sent_at timestamptz,
    acknowledged_at timestamptz,
    applied_at timestamptz,
    reason text
);

CREATE TABLE verification (
    verification_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recommendation_id bigint NOT NULL REFERENCES recommendation,
    period_from timestamptz NOT NULL,
    period_to timestamptz NOT NULL,
    measured_kwh double precision NOT NULL,
    counterfactual_kwh double precision NOT NULL,
    saving_p10_kwh double precision NOT NULL,
    saving_p50_kwh double precision NOT NULL,
    saving_p90_kwh double precision NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE alarm (
    alarm_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL,
    source text NOT NULL,
    priority smallint NOT NULL CHECK (priority BETWEEN 1 AND 4),
    message text NOT NULL,
    action text NOT NULL,  -- what the operator should do
    raised_at timestamptz NOT NULL,
    cleared_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text
);

CREATE UNIQUE INDEX alarm_open ON alarm (site_id, source) WHERE cleared_at IS NULL;

CREATE TABLE job_run (
    job_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('ok', 'not_ready', 'failed')),
    detail text NOT NULL
);

CREATE INDEX job_run_latest ON job_run (job, started_at DESC);

CREATE TABLE app_user (
    user_name text PRIMARY KEY,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'engineer', 'manager', 'admin', 'auditor')),
    password_hash text,
    created_at timestamptz NOT NULL
);

-- Readings with their names, for people and for other tools.
CREATE VIEW reading_named AS
SELECT
    r.time,
    p.site_id,
    p.asset_id,
    p.name,
    r.value,
    p.unit,
    r.status
FROM reading AS r
INNER JOIN point AS p ON r.point_id = p.point_id;

-- Sum over points of each point's mean per step [canonical unit]; only the steps in which every point has a
-- usable reading. The one place that turns readings into regular series.
CREATE FUNCTION sum_by_step(
    points integer[], step interval, from_time timestamptz, to_time timestamptz
) RETURNS TABLE (bucket timestamptz, value double precision) LANGUAGE sql STABLE AS $$
    WITH mean AS (
        SELECT
            r.point_id,
            date_bin(step, r.time, timestamptz '1970-01-01 00:00:00+00') AS bucket,
            avg(r.value) AS value
        FROM reading AS r
        WHERE r.point_id = any(points) AND r.time >= from_time AND r.time < to_time AND r.status < 32768
        GROUP BY r.point_id, bucket
    )
    SELECT m.bucket, sum(m.value)
    FROM mean AS m
    GROUP BY m.bucket
    HAVING count(*) = cardinality(points)
$$;
