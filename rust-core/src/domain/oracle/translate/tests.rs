//! Tests of the translation of whole texts.

mod cases;

use super::{Failure, Names, Refusal, Relation, Routine, Source, Translation, translate};

/// Catalogs for the tests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Catalog {
    /// The extension `oracle_session` is there.
    pub extension: bool,
    /// So is orafce.
    pub orafce: bool,
}

fn dotted(name: &[Vec<u8>]) -> String {
    let parts: Vec<_> = name
        .iter()
        .map(|part| String::from_utf8_lossy(part))
        .collect();
    parts.join(".")
}

impl Names for Catalog {
    type Error = String;

    fn is_type(&mut self, name: &[Vec<u8>]) -> Result<bool, String> {
        Ok(
            matches!(dotted(name).as_str(), "integer" | "positive" if !self.extension || dotted(name) != "positive")
                && dotted(name) != "positive"
                || self.orafce && dotted(name) == "varchar2",
        )
    }

    fn routine(&mut self, name: &[Vec<u8>]) -> Result<Routine, String> {
        Ok(match dotted(name).as_str() {
            "log_logon" | "hr.log_logon" => Routine::Procedure,
            "note_logon" => Routine::Function,
            "dbms_output.put_line" if self.orafce => Routine::Function,
            other
                if self.extension
                    && (other.starts_with("dbms_session.")
                        || other.starts_with("dbms_application_info.")) =>
            {
                Routine::Procedure
            }
            _ => Routine::None,
        })
    }

    fn takes(&mut self, name: &[Vec<u8>], arguments: usize) -> Result<bool, String> {
        Ok(match (dotted(name).as_str(), arguments) {
            ("decode" | "to_number" | "to_char" | "to_date" | "trunc", 2) | ("trunc", 1) => true,
            ("nvl" | "instr", 2) | ("instr", 3 | 4) | ("decode", 3..) => self.orafce,
            _ => false,
        })
    }

    fn relation(&mut self, name: &[Vec<u8>]) -> Result<Relation, String> {
        Ok(match dotted(name).as_str() {
            "audit_seq" | "hr.audit_seq" => Relation::Sequence,
            "dual" if self.orafce => Relation::Other,
            "fired" => Relation::Other,
            _ => Relation::None,
        })
    }

    fn has_oracle_session(&mut self) -> Result<bool, String> {
        Ok(self.extension)
    }

    fn has_column(&mut self, relation: &[Vec<u8>], column: &[u8]) -> Result<bool, String> {
        Ok(dotted(relation) == "clocks" && column == b"sysdate")
    }
}

fn source(trigger: bool) -> Source {
    Source {
        standard_strings: true,
        trigger,
        parameters: vec![b"p_name".to_vec()],
    }
}

fn run(body: &str, trigger: bool, mut catalog: Catalog) -> Result<Option<Translation>, Refusal> {
    match translate(body.as_bytes(), &source(trigger), &mut catalog) {
        Ok(translation) => Ok(translation),
        Err(Failure::Refused(refusal)) => Err(refusal),
        Err(Failure::Names(error)) => panic!("{error}"),
    }
}

#[test]
fn dump() {
    for (body, _) in cases::TRIGGERS {
        match run(body, true, Catalog::default()) {
            Ok(None) => println!("=== SAME\n{body}"),
            Ok(Some(t)) => println!("=== \n{body}\n---\n{}", String::from_utf8_lossy(t.text())),
            Err(e) => println!("=== REFUSED {body}\n{e:?} at {}", &body[e.position..]),
        }
    }
}
