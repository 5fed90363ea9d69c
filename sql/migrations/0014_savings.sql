-- What advice saved, day by day, and what advice that was only shown would have saved.

-- Against the setpoints that the plant's own control held; a day that is not over is written anew every hour.
-- Days share the twin's error, so spreads of days add up.
CREATE TABLE saving_day (
    site_id text NOT NULL,
    day date NOT NULL,  -- of the site's calendar
    period_from timestamptz NOT NULL,
    period_to timestamptz NOT NULL,
    measured_kwh double precision NOT NULL,
    saving_p10_kwh double precision NOT NULL,
    saving_p50_kwh double precision NOT NULL,
    saving_p90_kwh double precision NOT NULL,
    cost_p50 double precision,  -- in the tariff's currency
    carbon_p50_kg double precision,
    water_p50_l double precision NOT NULL,
    share double precision NOT NULL,  -- of the twin's saving that the meters showed
    complete_ratio double precision NOT NULL,
    calibration_id bigint,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (site_id, day)
);

-- Advice in shadow at the end of its hours: what it would have saved, and what operators saved, both by the
-- twin against the setpoint as it was when it was made.
CREATE TABLE shadow_score (
    recommendation_id bigint PRIMARY KEY REFERENCES recommendation,
    period_from timestamptz NOT NULL,
    period_to timestamptz NOT NULL,
    advised_kwh double precision NOT NULL,
    operators_kwh double precision NOT NULL,
    created_at timestamptz NOT NULL
);
