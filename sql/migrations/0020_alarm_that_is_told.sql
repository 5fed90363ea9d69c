-- Alarms reach people: what was put aside stays so only while it is no graver, is told when it comes back,
-- a cause that nobody sees suppresses nothing, a channel that does not work is an alarm.

-- One step of an alarm and its event, or nothing at all.
-- False where there is no such step, which is put on record.
-- What asks again is told again; what is put aside hides no longer what it was the cause of.
CREATE OR REPLACE FUNCTION alarm_act(
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
    IF wanted = 'restore' AND becomes = 'unacknowledged' THEN
        DELETE FROM notification AS n
        WHERE n.site_id = was.site_id AND n.kind = was.kind AND n.of = of_alarm;
    END IF;
    IF wanted IN ('shelve', 'take_out') THEN
        PERFORM alarm_act(
            a.alarm_id, 'restore', at, 'joulecast', format('nobody sees %s, its cause', was.source)
        )
        FROM alarm AS a INNER JOIN alarm_design AS d ON starts_with(a.source, d.prefix)
        WHERE d.cause = was.source AND a.site_id = was.site_id AND a.state = 'suppressed';
    END IF;
    RETURN true;
END
$$;

-- It goes on in the place of the last one of its source, put aside as that one was unless it is graver;
-- what is its consequence alone is suppressed.
CREATE OR REPLACE FUNCTION alarm_raised() RETURNS trigger LANGUAGE plpgsql AS $$
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
        IF other.priority > new.priority THEN
            NULL;  -- nobody has decided about one so grave
        ELSIF other.state = 'shelved' AND other.withheld_until > new.raised_at THEN
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
    WHERE
        a.site_id = new.site_id AND a.cleared_at IS NULL AND a.state IN ('unacknowledged', 'acknowledged')
        AND starts_with(new.source, d.prefix)
    LIMIT 1;
    IF (SELECT a.state FROM alarm AS a WHERE a.alarm_id = new.alarm_id)
        NOT IN ('unacknowledged', 'acknowledged') THEN
        RETURN NULL;
    END IF;
    IF above IS NOT NULL THEN
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

INSERT INTO alarm_kind (prefix, kind, cause, consequence, respond_s, owner) VALUES
(
    'notify.failed.', 'alarm', 'The mail server, the webhook or the broker is down or refuses our messages',
    'Whoever is not at the screen is told nothing by this channel',
    3600, 'operator'
);

-- Dropped: somebody had seen the alarm, or decided about the advice, before it could be told.
ALTER TABLE notification
DROP CONSTRAINT notification_state_check,
ADD CONSTRAINT notification_state_check CHECK (
    state IN ('waiting', 'sending', 'sent', 'failed', 'dropped')
);

-- How many heartbeats have come in time, one after the other, up to as many as anybody asks for.
ALTER TABLE bms_heartbeat ADD COLUMN in_row integer NOT NULL DEFAULT 1;

-- What an alarm is at a time: the time on the shelf is over by itself, whether or not a service says so.
CREATE FUNCTION alarm_state(a alarm, at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN a.state = 'shelved' AND a.withheld_until <= at
            THEN alarm_becomes(a.state, 'restore', a.acknowledged_at, a.cleared_at)
        ELSE a.state
    END
$$;
