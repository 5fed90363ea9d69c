-- The life of an alarm after ISA-18.2 (core/alarms.py), and what is told to people away from the screen.

CREATE TABLE alarm_step (
    from_state text NOT NULL,
    verb text NOT NULL,
    to_state text NOT NULL,
    PRIMARY KEY (from_state, verb, to_state)
);

INSERT INTO alarm_step (from_state, verb, to_state) VALUES
('unacknowledged', 'acknowledge', 'acknowledged'),
('unacknowledged', 'clear', 'returned'),
('unacknowledged', 'shelve', 'shelved'),
('unacknowledged', 'suppress', 'suppressed'),
('unacknowledged', 'take_out', 'out_of_service'),
('acknowledged', 'clear', 'normal'),
('acknowledged', 'shelve', 'shelved'),
('acknowledged', 'suppress', 'suppressed'),
('acknowledged', 'take_out', 'out_of_service'),
('returned', 'acknowledge', 'normal'),
('returned', 'follow', 'normal'),
('returned', 'take_out', 'out_of_service'),
('shelved', 'acknowledge', 'shelved'),
('shelved', 'clear', 'shelved'),
('shelved', 'restore', 'acknowledged'),
('shelved', 'restore', 'normal'),
('shelved', 'restore', 'unacknowledged'),
('shelved', 'follow', 'normal'),
('suppressed', 'acknowledge', 'suppressed'),
('suppressed', 'clear', 'suppressed'),
('suppressed', 'restore', 'acknowledged'),
('suppressed', 'restore', 'normal'),
('suppressed', 'restore', 'unacknowledged'),
('suppressed', 'follow', 'normal'),
('out_of_service', 'acknowledge', 'out_of_service'),
('out_of_service', 'clear', 'out_of_service'),
('out_of_service', 'restore', 'acknowledged'),
('out_of_service', 'restore', 'normal'),
('out_of_service', 'restore', 'unacknowledged'),
('out_of_service', 'follow', 'normal');

-- What an alarm of a source is; the longest prefix that fits counts.
CREATE TABLE alarm_kind (
    prefix text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('alarm', 'notification')),
    cause text NOT NULL,
    consequence text NOT NULL,
    respond_s integer NOT NULL,
    owner text NOT NULL
);

INSERT INTO alarm_kind (prefix, kind, cause, consequence, respond_s, owner) VALUES
(
    '', 'alarm', 'As the message says',
    'Not described for this source',
    3600, 'operator'
),
(
    'reading.silent', 'alarm', 'The broker, the network or a gateway is down: it is not the sensors',
    'Nothing is seen: figures are withheld, advice stops and what it holds goes back',
    600, 'operator'
),
(
    'reading.silent.', 'notification', 'The sensor, its wiring or its gateway has failed',
    'What rests on this point is withheld or estimated',
    86400, 'data engineer'
),
(
    'reading.flat.', 'notification', 'The sensor is stuck, or its gateway repeats the last value',
    'The value is marked and kept out of training',
    86400, 'data engineer'
),
(
    'reading.unit.', 'notification', 'The device was set to another unit, or replaced',
    'The value is marked; sums that need it are withheld',
    86400, 'data engineer'
),
(
    'reading.clock.', 'notification', 'The device has lost its time server, or has a wrong time zone',
    'Its readings land in the wrong hour',
    86400, 'data engineer'
),
(
    'bms.offline.', 'alarm', 'The building management system, its gateway or the network is down',
    'What it measures is not seen and its own alarms do not arrive',
    900, 'operator'
),
(
    'forecast.data.', 'notification', 'A meter that the forecast needs is silent or stuck',
    'Forecasts come from a simpler method or stand still; advice becomes careful or stops',
    14400, 'data engineer'
),
(
    'forecast.drift.', 'notification', 'The plant, its load or a meter has changed',
    'Forecasts are worse than their intervals say',
    86400, 'data engineer'
),
(
    'advise.inlet.', 'alarm', 'An advised setpoint, a failed cooling unit or a rise in load',
    'Servers slow down or switch off when the inlet rises on',
    300, 'operator'
),
(
    'advise.guard.', 'alarm', 'Readings, the gateway or the rules behind an advised value were lost',
    'The setpoint may stay at the advised value with nobody watching it',
    600, 'operator'
),
(
    'advise.revert_failed.', 'alarm',
    'The plant does not report its own value: a local override, the controller or a lost write',
    'The plant holds an advised value that nobody watches',
    600, 'operator'
),
(
    'advise.misses.', 'notification', 'The plant has changed since it was calibrated',
    'Advice on this setpoint is suspended until somebody acknowledges',
    86400, 'controls engineer'
),
(
    'write.failed.', 'alarm', 'The plant refused the setpoint, did not follow it, or took it over',
    'The plant goes back to its own control; the saving is lost',
    3600, 'operator'
),
(
    'write.revert.', 'alarm', 'The gateway or the controller does not give the point back',
    'The plant holds an advised value that nobody renews',
    600, 'operator'
),
(
    'write.broker', 'alarm', 'The broker is down or refuses our messages',
    'Leases are not renewed: the plant falls back to its own control by itself',
    900, 'operator'
),
(
    'write.edge.', 'alarm', 'The gateway, its power or its network is down',
    'Leases are not renewed: the plant falls back to its own control by itself',
    900, 'operator'
);

-- Alarms that are suppressed by design while the alarm that is their cause stands.
CREATE TABLE alarm_design (
    prefix text NOT NULL,
    cause text NOT NULL,
    PRIMARY KEY (prefix, cause)
);

INSERT INTO alarm_design (prefix, cause) VALUES
('forecast.data.', 'reading.silent'),
('write.edge.', 'write.broker');

UPDATE alarm SET action = 'Look into it'
WHERE btrim(action) = '';

ALTER TABLE alarm
ADD CONSTRAINT alarm_has_an_action CHECK (btrim(action) <> ''),
ADD COLUMN state text NOT NULL DEFAULT 'unacknowledged' CHECK (
    state IN (
        'unacknowledged', 'acknowledged', 'returned', 'normal', 'shelved', 'suppressed', 'out_of_service'
    )
),
ADD COLUMN kind text NOT NULL DEFAULT 'alarm' CHECK (kind IN ('alarm', 'notification')),
ADD COLUMN cause text NOT NULL DEFAULT '',
ADD COLUMN consequence text NOT NULL DEFAULT '',
ADD COLUMN respond_s integer NOT NULL DEFAULT 3600,  -- so soon somebody should act
ADD COLUMN owner text NOT NULL DEFAULT 'operator',
ADD COLUMN withheld_until timestamptz,  -- when a shelved one comes back
ADD COLUMN withheld_by text,  -- who shelved it or took it out of service
ADD COLUMN withheld_reason text;

CREATE INDEX alarm_not_normal ON alarm (site_id, source) WHERE state <> 'normal';

CREATE TABLE alarm_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm_id bigint NOT NULL REFERENCES alarm,
    site_id text NOT NULL,
    at timestamptz NOT NULL,
    verb text NOT NULL,
    from_state text,
    to_state text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL
);

CREATE INDEX alarm_event_of ON alarm_event (alarm_id, event_id);
CREATE INDEX alarm_event_at ON alarm_event (site_id, at);

CREATE TRIGGER alarm_event_is_for_ever
BEFORE UPDATE OR DELETE ON alarm_event
FOR EACH ROW EXECUTE FUNCTION refuse();

-- What an alarm is while nobody withholds it.
CREATE FUNCTION alarm_rests(acked timestamptz, over timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN over IS NULL AND acked IS NULL THEN 'unacknowledged'
        WHEN over IS NULL THEN 'acknowledged'
        WHEN acked IS NULL THEN 'returned'
        ELSE 'normal'
    END
$$;

-- What comes of a verb, from when the alarm was acknowledged and over after it.
CREATE FUNCTION alarm_becomes(was text, verb text, acked timestamptz, over timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN verb = 'shelve' THEN 'shelved'
        WHEN verb = 'suppress' THEN 'suppressed'
        WHEN verb = 'take_out' THEN 'out_of_service'
        WHEN verb = 'follow' THEN 'normal'
        WHEN verb = 'restore' AND over IS NOT NULL THEN 'normal'
        WHEN verb <> 'restore' AND was IN ('shelved', 'suppressed', 'out_of_service') THEN was
        ELSE alarm_rests(acked, over)
    END
$$;

-- One step of an alarm and its event, or nothing at all.
-- False where there is no such step, which is put on record.
CREATE FUNCTION alarm_act(
    of_alarm bigint, wanted text, at timestamptz, by_actor text, because text,
    until timestamptz DEFAULT NULL
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    was alarm%ROWTYPE;
    becomes text;
    acked timestamptz;
    withholds boolean := wanted IN ('shelve', 'suppress', 'take_out');
BEGIN
    SELECT * INTO STRICT was FROM alarm WHERE alarm_id = of_alarm FOR UPDATE;
    IF wanted = 'comment' THEN
        INSERT INTO alarm_event (alarm_id, site_id, at, verb, from_state, to_state, actor, reason)
        VALUES (of_alarm, was.site_id, at, wanted, was.state, was.state, by_actor, because);
        RETURN true;
    END IF;
    acked := CASE WHEN wanted = 'acknowledge' THEN coalesce(was.acknowledged_at, at)
        ELSE was.acknowledged_at END;
    becomes := alarm_becomes(was.state, wanted, acked, was.cleared_at);
    IF wanted = 'clear' OR NOT EXISTS (
        SELECT FROM alarm_step AS s
        WHERE s.from_state = was.state AND s.verb = wanted AND s.to_state = becomes
    ) THEN
        INSERT INTO alarm_event (alarm_id, site_id, at, verb, from_state, to_state, actor, reason)
        VALUES (
            of_alarm, was.site_id, at, 'refused', was.state, was.state, by_actor,
            format('refused: one that is %s does not take %s', was.state, wanted)
        );
        RETURN false;
    END IF;
    IF wanted = 'shelve' AND (until IS NULL OR until <= at OR until > at + interval '8 hours') THEN
        RAISE EXCEPTION 'an alarm is shelved for at most 8 hours';
    END IF;
    PERFORM set_config('joulecast.alarm', 'on', true);
    UPDATE alarm AS a SET
        state = becomes,
        acknowledged_at = acked,
        acknowledged_by = CASE WHEN wanted = 'acknowledge' THEN coalesce(was.acknowledged_by, by_actor)
            ELSE was.acknowledged_by END,
        withheld_until = CASE WHEN withholds THEN until
            WHEN becomes = was.state THEN was.withheld_until END,
        withheld_by = CASE WHEN withholds THEN by_actor WHEN becomes = was.state THEN was.withheld_by END,
        withheld_reason = CASE WHEN withholds THEN because
            WHEN becomes = was.state THEN was.withheld_reason END
    WHERE a.alarm_id = of_alarm;
    PERFORM set_config('joulecast.alarm', 'off', true);
    INSERT INTO alarm_event (alarm_id, site_id, at, verb, from_state, to_state, actor, reason)
    VALUES (of_alarm, was.site_id, at, wanted, was.state, becomes, by_actor, because);
    RETURN true;
END
$$;

-- A new one is what its source says that it is.
CREATE FUNCTION alarm_born() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    known alarm_kind%ROWTYPE;
BEGIN
    SELECT k.* INTO known FROM alarm_kind AS k
    WHERE starts_with(new.source, k.prefix) ORDER BY length(k.prefix) DESC LIMIT 1;
    new.state := alarm_rests(new.acknowledged_at, new.cleared_at);
    new.kind := known.kind;
    new.cause := coalesce(nullif(new.cause, ''), known.cause);
    new.consequence := coalesce(nullif(new.consequence, ''), known.consequence);
    new.respond_s := known.respond_s;
    new.owner := known.owner;
    RETURN new;
END
$$;

CREATE TRIGGER alarm_birth
BEFORE INSERT ON alarm
FOR EACH ROW EXECUTE FUNCTION alarm_born();

-- It goes on in the place of the last one of its source; what is its consequence alone is suppressed.
CREATE FUNCTION alarm_raised() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    other alarm%ROWTYPE;
    above text;
BEGIN
    INSERT INTO alarm_event (alarm_id, site_id, at, verb, from_state, to_state, actor, reason)
    VALUES (
        new.alarm_id, new.site_id, new.raised_at, 'raise', NULL, new.state, 'joulecast', new.message
    );
    FOR other IN
        SELECT a.* FROM alarm AS a
        WHERE
            a.site_id = new.site_id AND a.source = new.source AND a.state <> 'normal'
            AND a.alarm_id <> new.alarm_id
        ORDER BY a.alarm_id
    LOOP
        IF other.state = 'shelved' AND other.withheld_until > new.raised_at THEN
            PERFORM alarm_act(
                new.alarm_id, 'shelve', new.raised_at, other.withheld_by, other.withheld_reason,
                least(other.withheld_until, new.raised_at + interval '8 hours')
            );
        ELSIF other.state = 'out_of_service' THEN
            PERFORM alarm_act(
                new.alarm_id, 'take_out', new.raised_at, other.withheld_by, other.withheld_reason
            );
        END IF;
        PERFORM alarm_act(
            other.alarm_id, 'follow', new.raised_at, 'joulecast', format('raised again as %s', new.alarm_id)
        );
    END LOOP;
    SELECT a.source INTO above FROM alarm AS a INNER JOIN alarm_design AS d ON a.source = d.cause
    WHERE a.site_id = new.site_id AND a.cleared_at IS NULL AND starts_with(new.source, d.prefix) LIMIT 1;
    IF above IS NOT NULL AND (SELECT a.state FROM alarm AS a WHERE a.alarm_id = new.alarm_id)
        IN ('unacknowledged', 'acknowledged') THEN
        PERFORM alarm_act(
            new.alarm_id, 'suppress', new.raised_at, 'joulecast', format('%s stands, its cause', above)
        );
    END IF;
    PERFORM alarm_act(
        a.alarm_id, 'suppress', new.raised_at, 'joulecast', format('%s stands, its cause', new.source)
    )
    FROM alarm AS a INNER JOIN alarm_design AS d ON starts_with(a.source, d.prefix)
    WHERE
        d.cause = new.source AND a.site_id = new.site_id AND a.state IN ('unacknowledged', 'acknowledged');
    RETURN NULL;
END
$$;

CREATE TRIGGER alarm_is_raised
AFTER INSERT ON alarm
FOR EACH ROW EXECUTE FUNCTION alarm_raised();

-- Whoever raised it says when it is over; that somebody has looked may be said here as well.
CREATE FUNCTION alarm_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was text := old.state;
BEGIN
    IF coalesce(current_setting('joulecast.alarm', true), 'off') = 'on' THEN
        RETURN new;
    END IF;
    IF
        new.state <> old.state
        OR (new.withheld_until, new.withheld_by, new.withheld_reason)
        IS DISTINCT FROM (old.withheld_until, old.withheld_by, old.withheld_reason)
    THEN
        RAISE EXCEPTION 'an alarm changes state only through alarm_act()';
    END IF;
    IF
        (old.cleared_at IS NOT NULL AND new.cleared_at IS DISTINCT FROM old.cleared_at)
        OR (old.acknowledged_at IS NOT NULL AND new.acknowledged_at IS NULL)
    THEN
        RAISE EXCEPTION 'what has happened to an alarm stays';
    END IF;
    IF old.acknowledged_at IS NULL AND new.acknowledged_at IS NOT NULL THEN
        new.state := alarm_becomes(was, 'acknowledge', new.acknowledged_at, old.cleared_at);
        INSERT INTO alarm_event (alarm_id, site_id, at, verb, from_state, to_state, actor, reason)
        VALUES (
            new.alarm_id, new.site_id, new.acknowledged_at, 'acknowledge', was, new.state,
            coalesce(new.acknowledged_by, 'joulecast'), 'looked at'
        );
        was := new.state;
    END IF;
    IF old.cleared_at IS NULL AND new.cleared_at IS NOT NULL THEN
        new.state := alarm_becomes(was, 'clear', new.acknowledged_at, new.cleared_at);
        INSERT INTO alarm_event (alarm_id, site_id, at, verb, from_state, to_state, actor, reason)
        VALUES (
            new.alarm_id, new.site_id, new.cleared_at, 'clear', was, new.state, 'joulecast', 'it is over'
        );
    END IF;
    RETURN new;
END
$$;

CREATE TRIGGER alarm_is_guarded
BEFORE UPDATE ON alarm
FOR EACH ROW EXECUTE FUNCTION alarm_guard();

-- When a cause is over, what it suppressed asks again.
CREATE FUNCTION alarm_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM alarm_act(a.alarm_id, 'restore', new.cleared_at, 'joulecast', format('%s is over', new.source))
    FROM alarm AS a INNER JOIN alarm_design AS d ON starts_with(a.source, d.prefix)
    WHERE d.cause = new.source AND a.site_id = new.site_id AND a.state = 'suppressed';
    RETURN NULL;
END
$$;

CREATE TRIGGER alarm_is_over
AFTER UPDATE OF cleared_at ON alarm
FOR EACH ROW WHEN (old.cleared_at IS NULL AND new.cleared_at IS NOT NULL)
EXECUTE FUNCTION alarm_over();

-- What there was before: what is over is over, what stands keeps who looked at it.
SELECT set_config('joulecast.alarm', 'on', TRUE) AS setting;
UPDATE alarm AS a SET
    state = CASE WHEN a.cleared_at IS NULL THEN alarm_rests(a.acknowledged_at, NULL) ELSE 'normal' END,
    kind = k.kind,
    cause = k.cause,
    consequence = k.consequence,
    respond_s = k.respond_s,
    owner = k.owner
FROM alarm_kind AS k
WHERE k.prefix = (
    SELECT l.prefix FROM alarm_kind AS l
    WHERE starts_with(a.source, l.prefix)
    ORDER BY length(l.prefix) DESC LIMIT 1
);
SELECT set_config('joulecast.alarm', 'off', TRUE) AS setting;
INSERT INTO alarm_event (alarm_id, site_id, at, verb, from_state, to_state, actor, reason)
SELECT
    e.alarm_id,
    e.site_id,
    e.at,
    e.verb,
    e.from_state,
    e.to_state,
    e.actor,
    e.reason
FROM (
    SELECT
        a.alarm_id,
        a.site_id,
        a.raised_at AS at,
        'raise' AS verb,
        NULL AS from_state,
        'unacknowledged' AS to_state,
        'joulecast' AS actor,
        a.message AS reason
    FROM alarm AS a
    UNION ALL
    SELECT
        a.alarm_id,
        a.site_id,
        a.acknowledged_at AS at,
        'acknowledge' AS verb,
        'unacknowledged' AS from_state,
        'acknowledged' AS to_state,
        coalesce(a.acknowledged_by, 'joulecast') AS actor,
        'looked at' AS reason
    FROM alarm AS a
    WHERE a.acknowledged_at IS NOT NULL AND a.cleared_at IS NULL
    UNION ALL
    SELECT
        a.alarm_id,
        a.site_id,
        a.cleared_at AS at,
        'clear' AS verb,
        'unacknowledged' AS from_state,
        'normal' AS to_state,
        'migration' AS actor,
        'it was over before alarms waited to be acknowledged' AS reason
    FROM alarm AS a
    WHERE a.cleared_at IS NOT NULL
) AS e
ORDER BY e.at;

-- What is told by e-mail, webhook or MQTT: one row for each thing and channel, so that none is told twice.
CREATE TABLE notification (
    notification_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('alarm', 'notification', 'proposed', 'reverted')),
    of bigint NOT NULL,  -- number of the alarm or of the recommendation
    channel text NOT NULL CHECK (channel IN ('email', 'webhook', 'mqtt')),
    message jsonb NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sending', 'sent', 'failed')),
    tries integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    next_at timestamptz NOT NULL,  -- not tried before
    sent_at timestamptz,
    error text,
    UNIQUE (site_id, kind, of, channel)
);

CREATE INDEX notification_waiting ON notification (site_id, channel, next_at)
WHERE state IN ('waiting', 'sending');
