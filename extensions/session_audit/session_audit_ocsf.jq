# Lines of the session audit as events of the Open Cybersecurity Schema Framework (OCSF), one a line:
#
#   jq -c --arg server "$(hostname)" -f session_audit_ocsf.jq postgresql.json
#
# The input is what log_destination = jsonlog writes, of which all but the records is left out, or
# the records themselves.  Logons and ends of sessions are of the class Authentication; what is
# neither is of the class Base Event.  The object "unmapped" has what these have no attribute for.

# A session can write a message, but none that begins so.
def record:
  if type == "object" and has("at") then .
  elif type == "object" and (.message | type) == "string" and (.message | startswith("{\"at\": \"")) then
    .message | fromjson?
  else empty end;

def milliseconds:
  capture("^(?<second>[^.+]+)([.](?<fraction>[0-9]+))?[+]00:00$")
  | (.second + "Z" | fromdateiso8601) * 1000 + (((.fraction // "") + "000")[0:3] | tonumber);

def without_nulls: with_entries(select(.value != null and .value != {}));

record
| . as $record
| ({
    logon: {activity_id: 1, status_id: 1, status: "Success", severity_id: 1},
    refused: {activity_id: 1, status_id: 2, status: "Failure", severity_id: 2},
    logoff: {activity_id: 2, status_id: 1, status: "Success", severity_id: 1},
    lost: {activity_id: 2, status_id: 0, status: "Unknown", severity_id: 2}
  }[.event // ""]) as $authentication
| (if $authentication == null then
    {
      class_uid: 0, category_uid: 0, activity_id: 99, activity_name: .event, type_uid: 99,
      severity_id: (if .event == "changed" then 2 else 1 end)
    }
  else
    $authentication + {
      class_uid: 3002, category_uid: 3, type_uid: (300200 + $authentication.activity_id),
      # A refusal may be of nobody known, but the class asks for a user.
      user: (if .login_user == null then {name: "unknown", type_id: 0}
        else {name: .login_user, uid: (if .login_user_id == null then null else .login_user_id | tostring end)} end
        | without_nulls),
      service: {name: "postgresql"},
      dst_endpoint: ({hostname: $ARGS.named.server} | without_nulls),
      src_endpoint: ({ip: .client_addr, port: .client_port} | without_nulls),
      is_remote: (.client_addr != null),
      session: ({uid: .session_id, created_time: (if .logon_at == null then null else .logon_at | milliseconds end)} | without_nulls)
    } + (if .auth_method == null then {auth_protocol_id: 0, auth_protocol: "Unknown"}
      else ({gss: 2, oauth: 6, radius: 10}[.auth_method] // 99) as $id
        | {
            auth_protocol_id: $id,
            auth_protocol: ({"2": "Kerberos", "6": "OAUTH 2.0", "10": "RADIUS"}[$id | tostring] // .auth_method)
          }
      end)
  end)
+ {
    time: (.at | milliseconds),
    status_code: .sqlstate,
    status_detail: .ended_by,
    count: .count,
    start_time: (if .count == null then null else .at | milliseconds end),
    end_time: (if .context.last_at == null then null else .context.last_at | milliseconds end),
    metadata: ({
      version: "1.1.0",
      product: {name: "PostgreSQL", vendor_name: "PostgreSQL", feature: {name: "session_audit"}},
      log_name: "session_audit",
      event_code: .event,
      original_time: .at,
      sequence: .number
    } | without_nulls),
    unmapped: (del(.at, .event, .sqlstate, .ended_by, .count, .number)
      | if $authentication == null then .
        else del(.login_user, .login_user_id, .client_addr, .client_port, .session_id, .logon_at) end)
  }
| without_nulls
