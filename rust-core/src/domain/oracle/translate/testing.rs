//! What the unit tests and the fuzz target share. It is no part of the library.

use super::{Failure, Names, Relation, Routine, Source, translate};

/// Catalogs in which a name is found or not by its length.
struct Some {
    extension: bool,
}

fn length(name: &[Vec<u8>]) -> usize {
    name.iter().map(Vec::len).sum()
}

impl Names for Some {
    type Error = ();

    fn is_type(&mut self, name: &[Vec<u8>]) -> Result<bool, ()> {
        Ok(length(name) == 3)
    }

    fn routine(&mut self, name: &[Vec<u8>]) -> Result<Routine, ()> {
        Ok(match length(name) % 5 {
            0 => Routine::Function,
            1 => Routine::Procedure,
            _ => Routine::None,
        })
    }

    fn takes(&mut self, name: &[Vec<u8>], arguments: usize) -> Result<bool, ()> {
        Ok((length(name) + arguments) % 7 == 0)
    }

    fn relation(&mut self, name: &[Vec<u8>]) -> Result<Relation, ()> {
        Ok(match length(name) % 3 {
            0 => Relation::Sequence,
            1 => Relation::Other,
            _ => Relation::None,
        })
    }

    fn is_closed(&mut self, schema: &[u8]) -> Result<bool, ()> {
        Ok(schema != b"dbms_foreign")
    }
    fn has_oracle_session(&mut self) -> Result<bool, ()> {
        Ok(self.extension)
    }
}

/// Translates a text.
///
/// # Panics
/// Panics if an invariant is violated: a translation has as many lines as the original, and
/// each of its bytes is that of a place in the original, in the same order.
pub fn check(body: &[u8], trigger: bool, extension: bool) {
    let _ = check_once(body, trigger, extension);
}

/// The same for a text that PL/pgSQL accepts once it is translated: its translation has
/// nothing to translate.
///
/// # Panics
/// Panics if an invariant is violated.
pub fn check_twice(body: &[u8], trigger: bool, extension: bool) {
    if let Option::Some(text) = check_once(body, trigger, extension) {
        let again = translate(&text, &source(trigger), &mut Some { extension });
        assert!(
            matches!(again, Ok(None)),
            "{again:?} of {}",
            String::from_utf8_lossy(&text)
        );
    }
}

fn source(trigger: bool) -> Source {
    Source {
        standard_strings: true,
        trigger,
        parameters: vec![b"p".to_vec()],
    }
}

fn check_once(body: &[u8], trigger: bool, extension: bool) -> Option<Vec<u8>> {
    let mut names = Some { extension };
    let translation = match translate(body, &source(trigger), &mut names) {
        Ok(Option::Some(translation)) => translation,
        Ok(None) => return None,
        Err(Failure::Refused(refusal)) => {
            assert!(refusal.position <= body.len());
            return None;
        }
        Err(Failure::Names(())) => panic!("the catalogs never fail"),
    };
    let text = translation.text();
    let lines = |text: &[u8]| text.iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(
        lines(text),
        lines(body),
        "{}",
        String::from_utf8_lossy(text)
    );
    let mut last = 0;
    for at in 0..=text.len() {
        let origin = translation.origin(at);
        assert!(last <= origin && origin <= body.len(), "{at}: {origin}");
        last = origin;
    }
    Option::Some(text.to_vec())
}
