//! The values of the context variables (rules V1 and V2). Their names and types are
//! in [`crate::domain::session::variables`].

use super::current;
use crate::domain::session::variables::Variable;
use crate::pg::server::backend;
use crate::pg::server::settings::INSTANCE_NUM;
use std::cell::OnceCell;
use std::ffi::CStr;

/// A variable's value. Text is in the database's encoding.
pub(crate) enum Value<'a> {
    /// SQL's NULL
    Null,
    /// `text`
    Text(&'a [u8]),
    /// `int`
    Integer(i32),
}

impl From<Option<&'static [u8]>> for Value<'_> {
    fn from(text: Option<&'static [u8]>) -> Self {
        text.map_or(Value::Null, Value::Text)
    }
}

/// The value that the variable had at logon; for `ora_sysevent`, the event's `tag`, or
/// Oracle's word for the event if `DISCARD ALL` fires it, which Oracle does not know. In
/// a process that serves no client there was no logon, so texts are NULL and the number
/// is the setting's.
pub(crate) fn value(variable: Variable, tag: &CStr) -> Value<'_> {
    match variable {
        Variable::LoginUser => backend::login_user().map(|name| name.to_bytes()).into(),
        Variable::DatabaseName => backend::database_name().map(|name| name.to_bytes()).into(),
        Variable::ClientIp => client_ip().into(),
        Variable::InstanceNum => Value::Integer(
            current::session().map_or_else(|| INSTANCE_NUM.get(), |session| session.instance_num),
        ),
        Variable::SystemEvent => Value::Text(current::system_event(tag).to_bytes()),
    }
}

/// The client's address as text, without a mask and without a zone, which an `IpAddr` does not
/// have. It is formatted once and never freed, so that it lives as long as the other texts.
fn client_ip() -> Option<&'static [u8]> {
    thread_local! {
        static TEXT: OnceCell<Option<&'static str>> = const { OnceCell::new() };
    }
    TEXT.with(|text| {
        *text.get_or_init(|| backend::client_address().map(|address| &*address.to_string().leak()))
    })
    .map(str::as_bytes)
}
