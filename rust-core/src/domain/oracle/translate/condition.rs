//! The conditions that Oracle's exceptions and error numbers are here.

/// The condition that an exception is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A SQLSTATE.
    Code([u8; 5]),
    /// Conditions of PL/pgSQL's, joined with OR.
    Conditions(&'static str),
}

/// Exceptions that PL/SQL declares, and their conditions here. Those of the same name are
/// not among them.
const EXCEPTIONS: [(&str, &str); 21] = [
    ("access_into_null", "null_value_not_allowed"),
    ("collection_is_null", "null_value_not_allowed"),
    ("cursor_already_open", "duplicate_cursor"),
    ("dup_val_on_index", "unique_violation"),
    (
        "invalid_cursor",
        "invalid_cursor_name OR invalid_cursor_state OR null_value_not_allowed",
    ),
    (
        "invalid_number",
        "invalid_text_representation OR invalid_datetime_format",
    ),
    ("login_denied", "invalid_password"),
    ("not_logged_on", "connection_does_not_exist"),
    ("program_error", "internal_error"),
    ("rowtype_mismatch", "datatype_mismatch"),
    ("self_is_null", "null_value_not_allowed"),
    ("storage_error", "out_of_memory"),
    ("subscript_beyond_count", "array_subscript_error"),
    ("subscript_outside_limit", "array_subscript_error"),
    ("sys_invalid_rowid", "invalid_text_representation"),
    ("timeout_on_resource", "lock_not_available"),
    ("transaction_backed_out", "transaction_rollback"),
    ("userenv_commitscn_error", "internal_error"),
    ("no_data_needed", "no_data"),
    ("value_error", VALUE_ERROR),
    ("zero_divide", "division_by_zero"),
];

const VALUE_ERROR: &str = "numeric_value_out_of_range OR string_data_right_truncation \
     OR invalid_text_representation OR invalid_datetime_format OR datetime_field_overflow \
     OR null_value_not_allowed";

/// Numbers of Oracle's errors, and the conditions here.
const NUMBERS: [(i32, &str); 47] = [
    (-1, "unique_violation"),
    (-51, "lock_not_available"),
    (-54, "lock_not_available"),
    (-60, "deadlock_detected"),
    (100, "no_data_found"),
    (-900, "syntax_error"),
    (-904, "undefined_column"),
    (-936, "syntax_error"),
    (-942, "undefined_table"),
    (-955, "duplicate_table OR duplicate_object"),
    (-1001, "invalid_cursor_name"),
    (-1013, "query_canceled"),
    (-1017, "invalid_password"),
    (-1031, "insufficient_privilege"),
    (-1400, "not_null_violation"),
    (-1403, "no_data_found"),
    (-1407, "not_null_violation"),
    (-1418, "undefined_object"),
    (-1422, "too_many_rows"),
    (-1426, "numeric_value_out_of_range"),
    (-1430, "duplicate_column"),
    (-1438, "numeric_value_out_of_range"),
    (-1476, "division_by_zero"),
    (-1722, "invalid_text_representation"),
    (-1830, "invalid_datetime_format"),
    (-1839, "datetime_field_overflow"),
    (-1843, "datetime_field_overflow OR invalid_datetime_format"),
    (-1847, "datetime_field_overflow"),
    (-1858, "invalid_datetime_format"),
    (-1861, "invalid_datetime_format"),
    (-1917, "undefined_object"),
    (-1918, "undefined_object"),
    (-1919, "undefined_object"),
    (-1920, "duplicate_object"),
    (-2289, "undefined_table"),
    (-2290, "check_violation"),
    (-2291, "foreign_key_violation"),
    (-2292, "foreign_key_violation"),
    (-2303, "dependent_objects_still_exist"),
    (-6502, VALUE_ERROR),
    (-6503, "function_executed_no_return_statement"),
    (-6511, "duplicate_cursor"),
    (-6592, "case_not_found"),
    (-8177, "serialization_failure"),
    (-12899, "string_data_right_truncation"),
    (-25228, "lock_not_available"),
    (-30006, "lock_not_available"),
];

/// The number that Oracle has for the error that is handled.
pub(super) const SQLCODE: &str = "(CASE SQLSTATE WHEN '23505' THEN -1 WHEN 'P0002' THEN 100 \
WHEN 'P0003' THEN -1422 WHEN '22012' THEN -1476 WHEN '23502' THEN -1400 WHEN '23503' THEN -2291 \
WHEN '23514' THEN -2290 WHEN '42P01' THEN -942 WHEN '42703' THEN -904 WHEN '42501' THEN -1031 \
WHEN '55P03' THEN -54 WHEN '40P01' THEN -60 WHEN '57014' THEN -1013 WHEN '22P02' THEN -6502 \
WHEN '22001' THEN -6502 WHEN '22003' THEN -6502 WHEN '42P03' THEN -6511 WHEN '34000' THEN -1001 \
WHEN 'U000Z' THEN -20000 ELSE CASE WHEN SQLSTATE ~ '^U[0-9]{4}$' THEN \
-20000 - SUBSTR(SQLSTATE, 2)::integer WHEN SQLSTATE LIKE 'UE%' THEN 1 ELSE -604 END END)";

/// The condition of -20000. A SQLSTATE that ends in three zeros would stand for all that
/// begin with the same two characters.
const FIRST_CODE: [u8; 5] = *b"U000Z";

impl State {
    /// The condition of the exception that the text declares as this one.
    pub fn own(number: u32) -> Option<State> {
        let mut code = *b"UE000";
        let mut rest = number;
        for place in [4, 3, 2] {
            let digit = u8::try_from(rest % 36).ok()?;
            *code.get_mut(place)? = if digit < 10 {
                b'0' + digit
            } else {
                b'A' + digit - 10
            };
            rest /= 36;
        }
        (number > 0 && rest == 0).then_some(State::Code(code))
    }

    /// The condition of an error that Oracle numbers so.
    pub fn of_number(number: i32) -> Option<State> {
        if (-20999..=-20000).contains(&number) {
            let mut code = FIRST_CODE;
            let text = format!("U{:04}", -20000 - number);
            if number < -20000 {
                code.copy_from_slice(text.as_bytes());
            }
            return Some(State::Code(code));
        }
        NUMBERS
            .iter()
            .find(|&&(known, _)| known == number)
            .map(|&(_, conditions)| State::Conditions(conditions))
    }

    /// As a handler names it.
    pub fn condition(&self) -> Vec<u8> {
        match self {
            State::Code(code) => [b"SQLSTATE '", &code[..], b"'"].concat(),
            State::Conditions(conditions) => conditions.as_bytes().to_vec(),
        }
    }

    /// As RAISE names it.
    pub fn raised(&self) -> Vec<u8> {
        match self {
            State::Code(code) => [b"'", &code[..], b"'"].concat(),
            State::Conditions(conditions) => {
                let first = conditions.split(' ').next().unwrap_or_default();
                format!("'{first}'").into_bytes()
            }
        }
    }
}

/// The conditions of an exception that PL/SQL declares.
pub(super) fn predefined(name: &str) -> Option<&'static str> {
    EXCEPTIONS
        .iter()
        .find(|(oracle, _)| *oracle == name)
        .map(|&(_, conditions)| conditions)
}
