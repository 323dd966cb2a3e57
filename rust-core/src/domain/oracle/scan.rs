//! What psql's lexer keeps from line to line (rule D4). It interprets what that
//! lexer matched; it does not lex, and never sees quoted text or comments.

use super::statement::Statement;
use super::token::Token;

/// What is known of the statement that the lexer is reading.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    statement: Statement,
    /// The previous statement was a routine, and no token has followed it.
    behind_routine: bool,
}

impl Default for Scan {
    fn default() -> Scan {
        Scan::new()
    }
}

impl Scan {
    /// The state of a lexer that has read nothing.
    pub const fn new() -> Scan {
        Scan {
            statement: Statement::new(),
            behind_routine: false,
        }
    }

    /// Takes a piece of text that the lexer matched outside of quotes and comments.
    pub fn take(&mut self, text: &[u8]) {
        let token = match *text {
            // Skip white space, comments and psql's backslash commands.
            []
            | [b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c', ..]
            | [b'-', b'-', ..]
            | [b'/', b'*', ..] => return,
            [b'\\', b';', ..] => Token::Semicolon,
            [b'\\', ..] => return,
            // psql's variables.  The lexer goes on to lex the value of :name.
            [b':', b'\'', ..] => Token::String,
            [b':', b'"', ..] => Token::Quoted,
            [b':', c, ..] if c == b'_' || c >= 0x80 || c.is_ascii_alphanumeric() => return,
            _ => Token::at(text),
        };
        if token != Token::Semicolon {
            self.behind_routine = false;
        }
        self.statement.feed(token, 0);
    }

    /// Whether the statement goes on after a semicolon.
    pub const fn is_open(&self) -> bool {
        self.statement.is_open()
    }

    /// Whether the statement is known to be a routine.
    pub const fn is_routine(&self) -> bool {
        self.statement.is_routine()
    }

    /// Notes that a semicolon has ended the statement.
    pub fn end(&mut self) {
        *self = Scan {
            statement: Statement::new(),
            behind_routine: self.is_routine(),
        };
    }

    /// Notes that the query buffer was discarded, or sent by a command such as
    /// `\g`. In either case a slash that follows a routine cannot be an operator.
    pub fn reset(&mut self) {
        self.behind_routine |= self.is_routine();
        self.statement = Statement::new();
    }

    /// Rewrites a line that consists of a slash alone, which SQL*Plus scripts put
    /// after a routine. If the statement is a routine, the slash becomes a
    /// semicolon, which ends it. If the previous statement was one and nothing has
    /// followed it, the slash becomes a space. Other lines are left alone.
    pub fn slash_line(&mut self, line: &mut [u8]) {
        let Some(slash) = line.iter().position(|c| !c.is_ascii_whitespace()) else {
            return;
        };
        if line[slash..].trim_ascii_end() != b"/" {
            return;
        }
        if self.is_routine() {
            line[slash] = b';';
            self.statement.finish();
        } else if self.behind_routine {
            line[slash] = b' ';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The state of a lexer that has matched `pieces`.
    fn read(pieces: &[&str]) -> Scan {
        let mut scan = Scan::new();
        for piece in pieces {
            scan.take(piece.as_bytes());
        }
        scan
    }

    const ROUTINE: [&str; 16] = [
        "CREATE", " ", "FUNCTION", "f", "RETURN", "int", "IS", "\n", "x", "int", ";", "BEGIN",
        "-- END;", "NULL", ";", "/*",
    ];

    fn slash(scan: &mut Scan, line: &str) -> String {
        let mut line = line.as_bytes().to_vec();
        scan.slash_line(&mut line);
        String::from_utf8(line).unwrap()
    }

    /// Rule D4.
    #[test]
    fn a_routine_is_open_until_its_end() {
        let mut scan = read(&ROUTINE);
        assert!(scan.is_routine() && scan.is_open());
        scan.take(b"END");
        scan.take(b";");
        assert!(scan.is_routine() && !scan.is_open());
        scan.end();
        assert!(!scan.is_routine() && !scan.is_open());
    }

    #[test]
    fn a_pragma_is_part_of_a_routine() {
        let mut scan = read(&["CREATE", "TRIGGER", "t", "AFTER", "LOGON", "ON", "DATABASE"]);
        for piece in [
            "DECLARE",
            "e",
            "EXCEPTION",
            ";",
            "PRAGMA",
            "EXCEPTION_INIT",
            "(",
            "e",
            ",",
            "-",
            "5",
            ")",
            ";",
        ] {
            scan.take(piece.as_bytes());
            assert!(scan.is_open(), "{piece}");
        }
    }

    #[test]
    fn backslash_semicolons_and_variables_are_understood() {
        let mut scan = read(&["SELECT", "1", "\\;"]);
        scan.end();
        for piece in [":pieces", "CREATE", "PROCEDURE", ":\"name\"", "AS", "BEGIN"] {
            scan.take(piece.as_bytes());
        }
        assert!(scan.is_open());
        let standard = read(&[
            "CREATE",
            "PROCEDURE",
            "p",
            "(",
            ")",
            "AS",
            ":'body'",
            "BEGIN",
        ]);
        assert!(!standard.is_routine());
    }

    #[test]
    fn a_slash_ends_a_routine() {
        let mut scan = read(&ROUTINE);
        assert_eq!(slash(&mut scan, " /x"), " /x");
        assert!(scan.is_open());
        assert_eq!(slash(&mut scan, " / \r"), " ; \r");
        assert!(!scan.is_open());
    }

    #[test]
    fn a_slash_after_a_routine_is_ignored() {
        let mut scan = read(&ROUTINE);
        scan.take(b"END");
        scan.take(b";");
        scan.end();
        scan.reset();
        assert_eq!(slash(&mut scan, "/"), " ");
        scan.take(b"/* a comment");
        assert_eq!(slash(&mut scan, "/"), " ");
        scan.take(b"SELECT");
        assert_eq!(slash(&mut scan, "/"), "/");
        let mut sent = read(&ROUTINE);
        sent.reset();
        assert_eq!(slash(&mut sent, "/"), " ");
    }

    #[test]
    fn other_slashes_are_operators() {
        assert_eq!(slash(&mut Scan::new(), "/"), "/");
        assert_eq!(slash(&mut read(&["SELECT", "4"]), "/"), "/");
        assert_eq!(slash(&mut read(&["SELECT", "4"]), ""), "");
        let mut ended = read(&["SELECT", "4", ";"]);
        ended.end();
        assert_eq!(slash(&mut ended, "/"), "/");
    }
}
