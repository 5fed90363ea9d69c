-- What a forecaster needs beside its forecasts: several grids of one target, what stands behind an issue,
-- scores kept as the truth arrives, which model counts, joint scenarios, and what is known ahead.
ALTER TABLE forecast
DROP CONSTRAINT forecast_pkey,
ADD PRIMARY KEY (site_id, target, step_s, model, issued_at, valid_at);

ALTER TABLE model_version ADD COLUMN step_s integer NOT NULL DEFAULT 900;

DROP INDEX model_version_champion;

CREATE UNIQUE INDEX model_version_champion ON model_version (site_id, target, step_s, model)
WHERE status = 'champion';

-- What stands behind one issue: members and their shares, state of the data, explanation.
CREATE TABLE forecast_note (
    site_id text NOT NULL,
    target text NOT NULL,
    step_s integer NOT NULL,
    model text NOT NULL,
    issued_at timestamptz NOT NULL,
    note jsonb NOT NULL,
    PRIMARY KEY (site_id, target, step_s, model, issued_at)
);

-- Errors of all issues by hour of the time they were for; sums, so that any span can be added up.
CREATE TABLE forecast_score (
    site_id text NOT NULL,
    target text NOT NULL,
    step_s integer NOT NULL,
    model text NOT NULL,
    hour timestamptz NOT NULL,  -- start
    lead text NOT NULL CHECK (lead IN ('0-1 h', '1-6 h', '6-24 h', '1-7 d')),
    steps integer NOT NULL,
    abs_error_w double precision NOT NULL,  -- of the median, summed over the steps
    square_error_w2 double precision NOT NULL,  -- of the median, summed over the steps
    pinball_w double precision NOT NULL,  -- mean over the levels, summed over the steps
    inside80 integer NOT NULL,  -- steps with the truth in [q10, q90]
    width80_w double precision NOT NULL,  -- q90 - q10, summed over the steps
    abs_truth_w double precision NOT NULL,  -- summed over the steps
    PRIMARY KEY (site_id, target, step_s, model, hour, lead)
);

-- Which model's forecast is shown and advised from, and why; the newest row counts.
CREATE TABLE forecast_choice (
    site_id text NOT NULL,
    target text NOT NULL,
    step_s integer NOT NULL,
    decided_at timestamptz NOT NULL,
    model text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (site_id, target, step_s, decided_at)
);

-- Consistent scenarios of one issue: each path is one course over the whole horizon.
CREATE TABLE forecast_path (
    site_id text NOT NULL,
    target text NOT NULL,
    step_s integer NOT NULL,
    model text NOT NULL,
    issued_at timestamptz NOT NULL,
    path smallint NOT NULL,
    values_w double precision[] NOT NULL,  -- [W], one per step from issued_at on
    PRIMARY KEY (site_id, target, step_s, model, issued_at, path)
);

-- Covariates that people or schedulers know ahead (booked GPU hours, maintenance, holidays), by hour.
CREATE TABLE schedule (
    site_id text NOT NULL,
    kind text NOT NULL,
    valid_at timestamptz NOT NULL,  -- start of the hour
    available_at timestamptz NOT NULL,
    value double precision NOT NULL,
    PRIMARY KEY (site_id, kind, valid_at, available_at)
);
