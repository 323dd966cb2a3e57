-- Rules A1 and A3: what the extension consists of, and who may use it.
CREATE EXTENSION session_audit;
\dx+ session_audit
SELECT evtname, evtevent, evtenabled FROM pg_event_trigger ORDER BY evtname;

-- a session leaves its row, whatever rights it has
CREATE ROLE regress_audited LOGIN;
\c - regress_audited
SELECT count(*) FROM session_audit.log; -- error
\c -
