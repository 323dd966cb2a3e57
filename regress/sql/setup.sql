-- What the other files use.
CREATE ROLE regress_alice LOGIN;
CREATE ROLE regress_bob LOGIN;
CREATE ROLE regress_root LOGIN SUPERUSER;

CREATE TABLE session_log (
    id int GENERATED ALWAYS AS IDENTITY,
    who text,
    event text,
    tag text,
    what text
);

-- Ends a session's backend after its client, so a logoff is waited for.
CREATE FUNCTION wait_for(condition text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
    holds bool;
BEGIN
    FOR i IN 1 .. 600 LOOP
        EXECUTE 'SELECT ' || condition INTO holds;
        IF holds THEN
            RETURN true;
        END IF;
        PERFORM pg_sleep(0.1);
        -- or pg_stat_activity would stay as it was at the first look
        PERFORM pg_stat_clear_snapshot();
    END LOOP;
    RAISE EXCEPTION 'timed out waiting for: %', condition;
END
$$;

-- The log of the roles that the tests log on as, once it has this many rows;
-- empties it.
CREATE FUNCTION take_log(nrows int)
RETURNS TABLE (who text, event text, tag text, what text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM wait_for(format('count(*) = %s FROM public.session_log', nrows));
    RETURN QUERY
        WITH taken AS (DELETE FROM public.session_log RETURNING *)
        SELECT t.who, t.event, t.tag, t.what FROM taken t ORDER BY t.id;
END
$$;

-- Logs with its owner's rights, for ordinary roles only: the tests' own
-- connections leave no rows.
CREATE FUNCTION log_session() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF polar_login_user IN ('regress_alice', 'regress_bob', 'regress_root') THEN
        INSERT INTO public.session_log (who, event, tag, what)
        VALUES (polar_login_user, tg_event, tg_tag, current_setting('test.what', true));
    END IF;
END
$$;
