# Lines of the session audit as events of the Elastic Common Schema (ECS), one a line:
#
#   jq -c --arg server "$(hostname)" -f session_audit_ecs.jq postgresql.json
#
# The input is what log_destination = jsonlog writes, of which all but the records is left out, or
# the records themselves.  What ECS has no field for is in the object "session_audit".

# A session can write a message, but none that begins so.
def record:
  if type == "object" and has("at") then .
  elif type == "object" and (.message | type) == "string" and (.message | startswith("{\"at\": \"")) then
    .message | fromjson?
  else empty end;

def microseconds:
  capture("^(?<second>[^.+]+)([.](?<fraction>[0-9]+))?[+]00:00$")
  | (.second + "Z" | fromdateiso8601) * 1000000 + (((.fraction // "") + "000000")[0:6] | tonumber);

def present: map(select(. != null)) | if length > 0 then . else null end;
def without_nulls: with_entries(select(.value != null and .value != {}));

record
| . as $record
| (.event == "logoff" or .event == "lost") as $is_end
| ((.encryption // "") | startswith("TLSv")) as $is_tls
| {
    "@timestamp": .at,
    ecs: {version: "8.11.0"},
    event: (
      {
        logon: {category: ["authentication", "session"], type: ["start"], outcome: "success"},
        logoff: {category: ["authentication", "session"], type: ["end"], outcome: "success"},
        lost: {category: ["authentication", "session"], type: ["end"], outcome: "unknown"},
        refused: {category: ["authentication"], type: ["start"], outcome: "failure"},
        changed: {category: ["configuration"], type: ["change"], outcome: "success"}
      }[.event // ""] // {type: ["info"]}
      | . + {
          kind: "event",
          module: "postgresql",
          dataset: "postgresql.session_audit",
          action: $record.event,
          code: $record.sqlstate,
          reason: $record.ended_by,
          sequence: $record.number,
          start: (if $is_end then $record.logon_at elif $record.event == "refused" then $record.at else null end),
          end: (if $is_end then $record.at elif $record.event == "refused" then $record.context.last_at else null end),
          duration: (if $is_end and $record.logon_at != null then
            (($record.at | microseconds) - ($record.logon_at | microseconds)) * 1000 else null end)
        }
      | without_nulls),
    host: ({name: $ARGS.named.server} | without_nulls),
    service: {type: "postgresql"},
    user: ({name: .login_user, id: (if .login_user_id == null then null else .login_user_id | tostring end)} | without_nulls),
    source: (
      {ip: .client_addr, port: .client_port, user: ({name: .system_identity} | without_nulls)}
      | without_nulls),
    tls: (if $is_tls then {version: .encryption[4:], version_protocol: "tls", established: true} else {} end),
    related: (
      {user: ([.login_user, .system_identity] | present), ip: ([.client_addr, .proxy_addr] | present)}
      | without_nulls),
    session_audit: del(.at, .event, .login_user, .login_user_id, .system_identity, .client_addr, .client_port,
      .sqlstate, .ended_by, .number)
  }
| without_nulls
