-- A recommendation changes state only through transition(), which also writes the event; events are for ever.

CREATE TABLE recommendation_step (
    from_state text NOT NULL,
    to_state text NOT NULL,
    PRIMARY KEY (from_state, to_state)
);

INSERT INTO recommendation_step (from_state, to_state) VALUES
('proposed', 'accepted'), ('proposed', 'rejected'), ('proposed', 'expired'), ('proposed', 'superseded'),
('proposed', 'withdrawn'), ('accepted', 'sent'), ('accepted', 'failed'), ('sent', 'applied'),
('sent', 'failed'), ('applied', 'verified'), ('applied', 'reverted'), ('verified', 'reverted'),
('failed', 'reverted');

CREATE FUNCTION transition(
    of_recommendation bigint, wanted text, seen_version integer, at timestamptz,
    by_actor text, because text, with_detail jsonb DEFAULT '{}'
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    was recommendation%ROWTYPE;
BEGIN
    SELECT * INTO STRICT was FROM recommendation WHERE recommendation_id = of_recommendation FOR UPDATE;
    IF seen_version IS NOT NULL AND was.version <> seen_version THEN
        RETURN false;
    END IF;
    IF NOT EXISTS (
        SELECT FROM recommendation_step WHERE from_state = was.state AND to_state = wanted
    ) THEN
        RETURN false;
    END IF;
    PERFORM set_config('joulecast.transition', 'on', true);
    UPDATE recommendation SET state = wanted, version = version + 1
    WHERE recommendation_id = of_recommendation;
    PERFORM set_config('joulecast.transition', 'off', true);
    INSERT INTO recommendation_event
        (recommendation_id, at, from_state, to_state, actor, reason, detail)
    VALUES (of_recommendation, at, was.state, wanted, by_actor, because, with_detail);
    RETURN true;
END
$$;

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: its rows are for ever', tg_op, tg_table_name;
END
$$;

CREATE TRIGGER recommendation_event_is_for_ever
BEFORE UPDATE OR DELETE ON recommendation_event
FOR EACH ROW EXECUTE FUNCTION refuse();

CREATE FUNCTION guard_recommendation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.state <> old.state AND coalesce(current_setting('joulecast.transition', true), 'off') <> 'on' THEN
        RAISE EXCEPTION 'a recommendation changes state only through transition()';
    END IF;
    RETURN new;
END
$$;

CREATE TRIGGER recommendation_guard
BEFORE UPDATE ON recommendation
FOR EACH ROW EXECUTE FUNCTION guard_recommendation();

-- A command is born only of a recommendation that was accepted.
CREATE FUNCTION guard_command() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM recommendation WHERE recommendation_id = new.recommendation_id AND state = 'accepted'
    ) THEN
        RAISE EXCEPTION 'command without an accepted recommendation';
    END IF;
    RETURN new;
END
$$;

CREATE TRIGGER command_guard
BEFORE INSERT ON command
FOR EACH ROW EXECUTE FUNCTION guard_command();
