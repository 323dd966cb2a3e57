//! What psql's lexer keeps from line to line (rule D4).

use super::statement::Statement;
use super::token::Token;

/// The lexer's view of the statement that it is reading.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    statement: Statement,
    /// The last statement was a routine in the form of section D, and nothing
    /// has come since.
    behind_routine: bool,
}

impl Default for Scan {
    fn default() -> Scan {
        Scan::new()
    }
}

impl Scan {
    /// A lexer that has read nothing.
    pub const fn new() -> Scan {
        Scan {
            statement: Statement::new(),
            behind_routine: false,
        }
    }

    /// Takes what the lexer matched outside of quotes and comments.
    pub fn take(&mut self, text: &[u8]) {
        let token = match *text {
            // White space, comments, and psql's commands.
            []
            | [b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c', ..]
            | [b'-', b'-', ..]
            | [b'/', b'*', ..] => return,
            [b'\\', b';', ..] => Token::Semicolon,
            [b'\\', ..] => return,
            // psql's variables; what comes out of :name is lexed after it.
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

    /// Whether the statement goes on behind a semicolon.
    pub const fn is_open(&self) -> bool {
        self.statement.is_open()
    }

    /// Whether the statement is a routine in the form of section D.
    pub const fn is_routine(&self) -> bool {
        self.statement.is_routine()
    }

    /// The lexer took a semicolon for the end of the statement.
    pub fn end(&mut self) {
        *self = Scan {
            statement: Statement::new(),
            behind_routine: self.is_routine(),
        };
    }

    /// The query buffer was thrown away or sent, with `\g` for one. A slash
    /// behind a routine has nothing to divide in either case.
    pub fn reset(&mut self) {
        self.behind_routine |= self.is_routine();
        self.statement = Statement::new();
    }

    /// Changes a line that has only a slash, as SQL*Plus scripts do behind a
    /// routine: where it ends one, to a semicolon that the lexer will take for
    /// the end; where the routine has ended already, to a blank.
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

    /// A lexer that has read pieces as psql's would match them.
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
    fn forced_semicolons_and_variables() {
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
    fn a_slash_behind_a_routine_is_nothing() {
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
