-- The whole life of a recommendation: every state that waits has a time by which it ends (core/actions.py).

ALTER TABLE recommendation
ADD COLUMN kind text NOT NULL DEFAULT 'change' CHECK (kind IN ('change', 'renewal', 'revert')),
ADD COLUMN authority text NOT NULL DEFAULT 'supervised'
CHECK (authority IN ('shadow', 'advisory', 'supervised', 'auto_bounded')),
ADD COLUMN due_at timestamptz,  -- when the present state ends by itself; none: it is an end
ADD COLUMN wakes_at timestamptz,  -- when a snoozed one is looked at again
ADD COLUMN hold_until timestamptz,  -- when its setpoint goes back to the plant's own control
ADD COLUMN of_recommendation_id bigint REFERENCES recommendation,  -- the one that it renews or reverts
ADD COLUMN plan jsonb NOT NULL DEFAULT '{}';  -- the blocks of the hours to come, and what the search saw

ALTER TABLE recommendation_step ADD COLUMN when_due boolean NOT NULL DEFAULT FALSE;
DELETE FROM recommendation_step
WHERE TRUE;

INSERT INTO recommendation_step (from_state, to_state, when_due) VALUES
('proposed', 'accepted', FALSE), ('proposed', 'snoozed', FALSE), ('proposed', 'rejected', FALSE),
('proposed', 'expired', TRUE), ('proposed', 'superseded', FALSE), ('proposed', 'withdrawn', FALSE),
('snoozed', 'proposed', FALSE), ('snoozed', 'rejected', FALSE), ('snoozed', 'expired', TRUE),
('snoozed', 'superseded', FALSE), ('snoozed', 'withdrawn', FALSE),
('accepted', 'awaiting_second', FALSE), ('accepted', 'precheck', FALSE), ('accepted', 'withdrawn', TRUE),
('awaiting_second', 'precheck', FALSE), ('awaiting_second', 'rejected', FALSE),
('awaiting_second', 'expired', TRUE), ('awaiting_second', 'withdrawn', FALSE),
('precheck', 'queued', FALSE), ('precheck', 'instructed', FALSE), ('precheck', 'withdrawn', TRUE),
('instructed', 'applied', FALSE), ('instructed', 'rejected', FALSE), ('instructed', 'expired', TRUE),
('instructed', 'withdrawn', FALSE),
('queued', 'sent', FALSE), ('queued', 'withdrawn', TRUE),
('sent', 'acked', FALSE), ('sent', 'failed', TRUE),
('acked', 'applied', FALSE), ('acked', 'failed', TRUE),
('applied', 'ramping', FALSE), ('applied', 'holding', FALSE), ('applied', 'reverting', TRUE),
('ramping', 'holding', FALSE), ('ramping', 'reverting', TRUE),
('holding', 'releasing', TRUE), ('holding', 'reverting', FALSE), ('holding', 'completed', FALSE),
('releasing', 'completed', FALSE), ('releasing', 'revert_failed', TRUE),
('failed', 'reverting', TRUE),
('reverting', 'reverted', FALSE), ('reverting', 'revert_failed', TRUE),
('revert_failed', 'reverted', FALSE);

-- What an earlier version left half done is ended; its events say what happened until then.
SELECT set_config('joulecast.transition', 'on', TRUE) AS setting;
INSERT INTO recommendation_event (recommendation_id, at, from_state, to_state, actor, reason)
SELECT
    r.recommendation_id,
    r.created_at,
    r.state,
    CASE WHEN r.state IN ('applied', 'verified') THEN 'completed' ELSE 'reverted' END AS to_state,
    'migration' AS actor,
    'made before setpoints were leases' AS reason
FROM recommendation AS r
WHERE r.state IN ('accepted', 'sent', 'applied', 'verified', 'failed');
UPDATE recommendation
SET
    state = CASE WHEN state IN ('applied', 'verified') THEN 'completed' ELSE 'reverted' END,
    version = version + 1
WHERE state IN ('accepted', 'sent', 'applied', 'verified', 'failed');
UPDATE recommendation SET due_at = expires_at
WHERE state = 'proposed';
SELECT set_config('joulecast.transition', 'off', TRUE) AS setting;

DROP FUNCTION transition(bigint, text, integer, timestamptz, text, text, jsonb);

-- One step of a recommendation: its state, its version and the event, or nothing at all.
-- False where its version is another one by now, or where there is no such step, which is put on record.
CREATE FUNCTION transition(
    of_recommendation bigint, wanted text, seen_version integer, at timestamptz,
    by_actor text, because text, with_detail jsonb DEFAULT '{}', due timestamptz DEFAULT NULL
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    was recommendation%ROWTYPE;
    waits boolean;
BEGIN
    SELECT * INTO STRICT was FROM recommendation WHERE recommendation_id = of_recommendation FOR UPDATE;
    IF seen_version IS NOT NULL AND was.version <> seen_version THEN
        RETURN false;
    END IF;
    IF NOT EXISTS (
        SELECT FROM recommendation_step WHERE from_state = was.state AND to_state = wanted
    ) THEN
        INSERT INTO recommendation_event
            (recommendation_id, at, from_state, to_state, actor, reason, detail)
        VALUES (
            of_recommendation, at, was.state, was.state, by_actor,
            format('refused: %s cannot become %s', was.state, wanted), jsonb_build_object('refused', wanted)
        );
        RETURN false;
    END IF;
    waits := EXISTS (SELECT FROM recommendation_step WHERE from_state = wanted AND when_due);
    IF waits AND due IS NULL THEN
        RAISE EXCEPTION 'a recommendation that is % needs a time by which that ends', wanted;
    END IF;
    PERFORM set_config('joulecast.transition', 'on', true);
    UPDATE recommendation
    SET state = wanted, version = version + 1, due_at = CASE WHEN waits THEN due END
    WHERE recommendation_id = of_recommendation;
    PERFORM set_config('joulecast.transition', 'off', true);
    INSERT INTO recommendation_event
        (recommendation_id, at, from_state, to_state, actor, reason, detail)
    VALUES (of_recommendation, at, was.state, wanted, by_actor, because, with_detail);
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION guard_recommendation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.state <> old.state AND coalesce(current_setting('joulecast.transition', true), 'off') <> 'on' THEN
        RAISE EXCEPTION 'a recommendation changes state only through transition()';
    END IF;
    IF new.version < old.version THEN
        RAISE EXCEPTION 'the version of a recommendation only grows';
    END IF;
    RETURN new;
END
$$;

-- One setpoint point has one lease at most; the plant's side lets go by itself when it is not renewed.
CREATE TABLE lease (
    lease_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL,
    asset_id text NOT NULL,
    point text NOT NULL,
    recommendation_id bigint NOT NULL REFERENCES recommendation,
    value double precision NOT NULL,  -- canonical unit
    own_value double precision NOT NULL,  -- what the plant's own control held before the first lease
    taken_at timestamptz NOT NULL,
    renewed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    released_at timestamptz,
    reason text
);

CREATE UNIQUE INDEX lease_in_force ON lease (site_id, asset_id, point) WHERE released_at IS NULL;

-- What people decide about advice: the objective, how far it may go on its own, and stopping it.
CREATE TABLE advice_setting (
    setting_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('objective', 'authority', 'promotion_asked', 'hold')),
    scope text NOT NULL DEFAULT '',  -- the setpoint that it is about; empty: the site
    value text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL,
    evidence jsonb NOT NULL DEFAULT '{}'
);

CREATE INDEX advice_setting_newest ON advice_setting (site_id, kind, scope, setting_id DESC);

CREATE TRIGGER advice_setting_is_for_ever
BEFORE UPDATE OR DELETE ON advice_setting
FOR EACH ROW EXECUTE FUNCTION refuse();

-- A command sets a setpoint under a lease, renews the lease or releases it.
ALTER TABLE command
ADD COLUMN kind text NOT NULL DEFAULT 'set' CHECK (kind IN ('set', 'renew', 'release')),
ADD COLUMN seq bigint GENERATED ALWAYS AS IDENTITY,  -- grows from command to command
ADD COLUMN step integer NOT NULL DEFAULT 1,  -- of the ramp
ADD COLUMN not_before timestamptz,
ADD COLUMN lease_s double precision,
ADD COLUMN answer jsonb;  -- what the plant's side said

CREATE OR REPLACE FUNCTION guard_command() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.kind = 'set' AND NOT EXISTS (
        SELECT FROM recommendation WHERE recommendation_id = new.recommendation_id AND state = 'precheck'
    ) THEN
        RAISE EXCEPTION 'command without an accepted recommendation';
    END IF;
    RETURN new;
END
$$;

-- A saving is of one recommendation over a period, or of a whole period; what it is worth beside kWh.
ALTER TABLE verification
ADD COLUMN cost_p50 double precision,
ADD COLUMN carbon_p50_kg double precision,
ADD COLUMN water_p50_l double precision,
ADD COLUMN detail jsonb NOT NULL DEFAULT '{}';
