-- Who may do what, and what was done: users, sessions, keys of programs, a record that shows every edit.
-- Sign-ins go by the database server's clock: the time of a demonstration's plant may run faster.

ALTER TABLE app_user
ADD COLUMN display_name text NOT NULL DEFAULT '',
ADD COLUMN must_change boolean NOT NULL DEFAULT FALSE,  -- the password was made for them and is used once
ADD COLUMN disabled_at timestamptz,
ADD CONSTRAINT app_user_name CHECK (user_name ~ '^[a-z0-9][a-z0-9._@-]{1,39}$') NOT VALID;

-- Somebody who is signed in. Of the id, which only the browser has, there is but the hash.
CREATE TABLE app_session (
    session_sha256 bytea PRIMARY KEY,
    user_name text NOT NULL REFERENCES app_user,
    source text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE INDEX app_session_user ON app_session (user_name);

-- A change of role or password, or an end of the account, ends every session at once.
CREATE FUNCTION end_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM app_session WHERE user_name = old.user_name;
    RETURN NULL;
END
$$;

CREATE TRIGGER app_user_changed
AFTER UPDATE OF role, password_hash, disabled_at ON app_user
FOR EACH ROW EXECUTE FUNCTION end_sessions();

-- Sign-ins that failed or are under way; counted by name and by address.
CREATE TABLE sign_in_attempt (
    attempt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_name text NOT NULL,
    source text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX sign_in_attempt_user ON sign_in_attempt (user_name, at);
CREATE INDEX sign_in_attempt_source ON sign_in_attempt (source, at);

-- What a program signs in with: it may do what its scopes name and its role has.
CREATE TABLE api_key (
    key_name text PRIMARY KEY,
    key_sha256 bytea NOT NULL UNIQUE,
    role text NOT NULL CHECK (role IN ('viewer', 'operator', 'engineer', 'manager', 'admin', 'auditor')),
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

-- Every change that somebody makes. Each row holds the hash of the one before and of itself.
CREATE TABLE audit (
    audit_id bigint PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    source text NOT NULL,  -- the address that it came from
    what text NOT NULL,
    object text NOT NULL,
    old text NOT NULL,
    new text NOT NULL,
    reason text NOT NULL,
    previous bytea NOT NULL,
    hash bytea NOT NULL
);

CREATE INDEX audit_actor ON audit (actor, audit_id DESC);
CREATE INDEX audit_at ON audit (at);

-- Number, time and hashes of a row are the database's, whatever the writer says; one writer at a time.
-- A field is written as its length in bytes, a colon, its UTF-8 and a comma, so that no two rows read alike.
CREATE FUNCTION chain_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    newest record;
    field text;
    canonical text := '';
BEGIN
    PERFORM pg_advisory_xact_lock(7505015);
    SELECT a.audit_id, a.hash INTO newest FROM audit AS a ORDER BY a.audit_id DESC LIMIT 1;
    new.audit_id := coalesce(newest.audit_id, 0) + 1;
    new.previous := coalesce(newest.hash, '\x'::bytea);
    new.at := clock_timestamp();
    FOREACH field IN ARRAY ARRAY[
        new.audit_id::text,
        to_char(new.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        new.actor, new.role, new.source, new.what, new.object, new.old, new.new, new.reason
    ] LOOP
        canonical := canonical || octet_length(convert_to(field, 'UTF8')) || ':' || field || ',';
    END LOOP;
    new.hash := sha256(new.previous || convert_to(canonical, 'UTF8'));
    RETURN new;
END
$$;

CREATE TRIGGER audit_is_a_chain
BEFORE INSERT ON audit
FOR EACH ROW EXECUTE FUNCTION chain_audit();

CREATE TRIGGER audit_is_for_ever
BEFORE UPDATE OR DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION refuse();

CREATE TRIGGER audit_is_never_emptied
BEFORE TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION refuse();
