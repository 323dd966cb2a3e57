//! The names and types of the context variables of event trigger functions
//! (section V). Their values come from the server.

use std::ffi::CStr;

/// A variable that PL/pgSQL declares in functions that return `event_trigger`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `polar_login_user`
    LoginUser,
    /// `polar_database_name`
    DatabaseName,
    /// `polar_client_ip`
    ClientIp,
    /// `polar_instance_num`
    InstanceNum,
    /// `ora_sysevent`
    SystemEvent,
}

/// A variable's SQL type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `text`
    Text,
    /// `int`
    Integer,
}

impl Variable {
    /// All variables, in the order in which they are declared. PL/pgSQL looks a type up only
    /// where it differs from that of the variable before, so those of one type stand together.
    pub const ALL: [Variable; 5] = [
        Variable::LoginUser,
        Variable::DatabaseName,
        Variable::ClientIp,
        Variable::SystemEvent,
        Variable::InstanceNum,
    ];

    /// The variable's name.
    pub const fn name(self) -> &'static CStr {
        match self {
            Variable::LoginUser => c"polar_login_user",
            Variable::DatabaseName => c"polar_database_name",
            Variable::ClientIp => c"polar_client_ip",
            Variable::InstanceNum => c"polar_instance_num",
            Variable::SystemEvent => c"ora_sysevent",
        }
    }

    /// Oracle's name of the variable, if it has another one here (rule D9).
    pub const fn alias(self) -> Option<&'static CStr> {
        match self {
            Variable::LoginUser => Some(c"ora_login_user"),
            Variable::DatabaseName => Some(c"ora_database_name"),
            Variable::ClientIp => Some(c"ora_client_ip_address"),
            Variable::InstanceNum => Some(c"ora_instance_num"),
            Variable::SystemEvent => None,
        }
    }

    /// The variable's SQL type.
    pub const fn sql_type(self) -> Type {
        match self {
            Variable::LoginUser
            | Variable::DatabaseName
            | Variable::ClientIp
            | Variable::SystemEvent => Type::Text,
            Variable::InstanceNum => Type::Integer,
        }
    }

    /// The variable of that name, if there is one.
    pub fn from_name(name: &CStr) -> Option<Variable> {
        Variable::ALL.into_iter().find(|v| v.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules V1 and D9.
    #[test]
    fn names_and_types() {
        let table = [
            (c"polar_login_user", Some(c"ora_login_user"), Type::Text),
            (
                c"polar_database_name",
                Some(c"ora_database_name"),
                Type::Text,
            ),
            (
                c"polar_client_ip",
                Some(c"ora_client_ip_address"),
                Type::Text,
            ),
            (c"ora_sysevent", None, Type::Text),
            (
                c"polar_instance_num",
                Some(c"ora_instance_num"),
                Type::Integer,
            ),
        ];
        assert_eq!(table.len(), Variable::ALL.len());
        for ((name, alias, sql_type), variable) in table.into_iter().zip(Variable::ALL) {
            assert_eq!(variable.name(), name);
            assert_eq!(variable.alias(), alias);
            assert_eq!(variable.sql_type(), sql_type);
            assert_eq!(Variable::from_name(name), Some(variable));
        }
        assert_eq!(Variable::from_name(c"tg_event"), None);
    }
}
