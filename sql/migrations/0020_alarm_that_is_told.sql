-- What was put aside stays so only while it is no graver; causes that nobody sees suppress nothing.

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
