//! The values of the context variables (rules V1 and V2). Their names and types are
//! in [`crate::domain::session::variables`].

use super::{backend, session, settings};
use crate::domain::session::variables::{Variable, format_address};
use std::cell::OnceCell;

/// A variable's value. Text is in the database's encoding.
pub(crate) enum Value {
    /// SQL's NULL
    Null,
    /// `text`
    Text(&'static [u8]),
    /// `int`
    Integer(i32),
}

impl From<Option<&'static [u8]>> for Value {
    fn from(text: Option<&'static [u8]>) -> Value {
        text.map_or(Value::Null, Value::Text)
    }
}

/// The value that the variable had at logon. In a process that serves no client there
/// was no logon, so texts are NULL and the number is the setting's.
pub(crate) fn value(variable: Variable) -> Value {
    match variable {
        Variable::LoginUser => backend::login_user().map(|name| name.to_bytes()).into(),
        Variable::DatabaseName => backend::database_name().map(|name| name.to_bytes()).into(),
        Variable::ClientIp => client_ip().into(),
        Variable::InstanceNum => Value::Integer(
            session::current().map_or_else(settings::instance_num, |session| session.instance_num),
        ),
    }
}

/// The client's address as text. It is formatted once and never freed, so that it
/// lives as long as the other texts.
fn client_ip() -> Option<&'static [u8]> {
    thread_local! {
        static TEXT: OnceCell<Option<&'static str>> = const { OnceCell::new() };
    }
    TEXT.with(|text| {
        *text.get_or_init(|| {
            backend::client_address().map(|address| &*format_address(address).leak())
        })
    })
    .map(str::as_bytes)
}
