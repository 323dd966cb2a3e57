//! A routine's body, from the token after IS or AS to the END that closes it and
//! the name that may follow. What comes before is [`Header`](super::Header)'s.

use super::construct::{Closer, Construct, MAX_OPEN};
use super::error::Error;
use super::keyword::Keyword;
use super::token::Token;
use std::mem;

/// The word that must come before the construct's next list of statements can start.
/// WHEN must be followed by THEN, in turn.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    Nothing,
    Then,
    Loop,
    When,
}

/// An open construct.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame {
    /// Its offset.
    opened: u32,
    /// The number of the statement's parentheses that surround a CASE expression.
    parentheses: u16,
    construct: Construct,
    awaits: Awaits,
}

const NO_FRAME: Frame = Frame {
    opened: 0,
    parentheses: 0,
    construct: Construct::Declarations,
    awaits: Awaits::Nothing,
};

/// The last thing read, which determines what the next token means.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyState {
    /// A whole statement or declaration; the next token starts another one.
    Start,
    /// The beginning of a statement or a declaration.
    Inside,
    /// The `<<` of a label.
    Label,
    /// PRAGMA, at `mark`.
    Pragma,
    /// FUNCTION or PROCEDURE, at `mark`, as the first word of a declaration.
    Subprogram,
    /// The same and an identifier, which is a subprogram's name or a variable's type.
    SubprogramName,
    /// BEGIN, at `mark`, in CREATE FUNCTION; the next token tells what it starts.
    Begin,
    /// END, at `mark`; the next token tells which kind of END it is.
    End,
    /// The END, at `mark`, that closes the routine.
    Ended,
    /// The routine, or as much of it as it takes to know that it has no end.
    Done,
}

/// How much of CREATE [OR REPLACE] FUNCTION or PROCEDURE a statement has shown so
/// far. Such a statement may have a body with semicolons of its own. (So may CREATE
/// RULE, but nothing that follows a semicolon there looks like a statement of
/// PL/pgSQL.)
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Plain,
    Create,
    CreateOr,
    CreateOrReplace,
    CreateRoutine,
}

/// What a token means for the extent of the routine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The token belongs to the routine, which goes on.
    More,
    /// The token is the END that closes the routine. A name may follow.
    End,
    /// The token is the name after that END, and so belongs to the routine. Whether
    /// it is the routine's name is for the caller to check.
    Name,
    /// The token does not belong to the routine, which is over.
    Done,
}

/// Finds the end of a routine's body (rules D2 to D4).
///
/// It is fed the tokens after IS or AS. A word counts as a keyword only where
/// PL/pgSQL takes it for one, which is mostly at the start of a statement. A
/// semicolon always ends the statement, even one that lacks its THEN or LOOP; that
/// error is left to PL/pgSQL.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    frames: [Frame; Body::LIMIT],
    height: u32,
    mark: u32,
    /// The number of open parentheses in the statement.
    parentheses: u16,
    state: BodyState,
    command: Command,
    /// The previous token was a dot or AS, after which every word is a name.
    name_follows: bool,
}

impl Default for Body {
    fn default() -> Body {
        Body::new()
    }
}

impl Body {
    /// The number of constructs that can be open at once.
    pub const LIMIT: usize = MAX_OPEN;

    /// An automaton that has read nothing.
    pub const fn new() -> Body {
        Body {
            frames: [NO_FRAME; Body::LIMIT],
            height: 0,
            mark: 0,
            parentheses: 0,
            state: BodyState::Start,
            command: Command::Plain,
            name_follows: false,
        }
    }

    /// Takes the next token, which starts at offset `at`. After an error or
    /// [`Progress::Done`], the answer for every token is `Done`.
    ///
    /// # Errors
    /// Fails if the routine's end cannot be found (rule D3).
    pub fn feed(&mut self, token: Token<'_>, at: u32) -> Result<Progress, Error> {
        if self.state == BodyState::Done {
            return Ok(Progress::Done);
        }
        if self.height == 0 {
            self.push(Construct::Declarations, Awaits::Nothing, at)?;
        }
        let name = mem::replace(&mut self.name_follows, token == Token::Dot);
        let word = if name { None } else { token.keyword() };
        let progress = self.step(token, word, at);
        if progress.is_err() {
            self.state = BodyState::Done;
        }
        progress
    }

    /// Declares the body finished.
    pub const fn finish(&mut self) {
        self.state = BodyState::Done;
    }

    /// Whether the body goes on: neither its last END nor an error has been found.
    pub const fn is_open(&self) -> bool {
        !matches!(self.state, BodyState::Ended | BodyState::Done)
    }

    /// Whether the next token starts a statement or a declaration.
    pub(super) fn at_start(&self) -> bool {
        self.state == BodyState::Start
    }

    /// The innermost open construct, for a token that starts a statement.
    pub(super) fn construct(&self) -> Construct {
        self.top().construct
    }

    /// The number of open constructs.
    pub const fn depth(&self) -> usize {
        self.height as usize
    }

    fn step(
        &mut self,
        token: Token<'_>,
        word: Option<Keyword>,
        at: u32,
    ) -> Result<Progress, Error> {
        let taken = match self.state {
            BodyState::Ended => return self.behind_routine(token, word),
            BodyState::End => self.behind_end(word)?,
            BodyState::Pragma => self.behind_pragma(token, word)?,
            BodyState::Subprogram => self.behind_subprogram(token),
            BodyState::SubprogramName => self.behind_subprogram_name(token, word)?,
            BodyState::Begin => self.behind_begin(token, word)?,
            BodyState::Start | BodyState::Inside | BodyState::Label | BodyState::Done => false,
        };
        if taken {
            return Ok(Progress::More);
        }
        if token == Token::End {
            let Frame {
                construct, opened, ..
            } = self.top();
            return Err(Error::Unfinished {
                open: construct,
                opened,
            });
        }
        match self.state {
            BodyState::Start => return self.start(token, word, at),
            BodyState::Label => {
                if matches!(token, Token::LabelClose | Token::Semicolon) {
                    self.restart();
                }
            }
            _ => self.inside(token, word, at)?,
        }
        Ok(Progress::More)
    }

    /// The token starts a statement or a declaration.
    fn start(
        &mut self,
        token: Token<'_>,
        word: Option<Keyword>,
        at: u32,
    ) -> Result<Progress, Error> {
        use Construct::{Block, CaseStatement, Declarations, If, Loop, SqlBody};
        let construct = self.top().construct;
        // Most words just start a statement, which goes on to its semicolon.
        self.state = BodyState::Inside;
        match (construct, word) {
            (SqlBody, Some(Keyword::End)) => self.pop(),
            (Declarations, Some(Keyword::Begin)) => {
                let frame = self.top_mut();
                frame.construct = Block;
                frame.opened = at;
                self.restart();
            }
            (Declarations, Some(Keyword::Declare)) => self.restart(),
            (Declarations, Some(Keyword::Pragma)) => {
                self.state = BodyState::Pragma;
                self.mark = at;
            }
            (Declarations, Some(Keyword::Function | Keyword::Procedure)) => {
                self.state = BodyState::Subprogram;
                self.mark = at;
            }
            (Declarations | Block | If | Loop | CaseStatement, Some(Keyword::End)) => {
                self.mark = at;
                if self.height <= 1 {
                    self.state = BodyState::Ended;
                    return Ok(Progress::End);
                }
                self.state = BodyState::End;
            }
            (SqlBody | Block | If | Loop | CaseStatement, Some(Keyword::Create)) => {
                self.command = Command::Create;
            }
            (Block | If | Loop | CaseStatement, Some(word)) => {
                self.start_statement(construct, word, at)?;
            }
            (Declarations | Block | If | Loop | CaseStatement, None)
                if token == Token::LabelOpen =>
            {
                self.state = BodyState::Label;
            }
            _ => self.inside(token, word, at)?,
        }
        Ok(Progress::More)
    }

    /// The word starts a PL/pgSQL statement in `construct`.
    fn start_statement(
        &mut self,
        construct: Construct,
        word: Keyword,
        at: u32,
    ) -> Result<(), Error> {
        use Construct::{Block, CaseStatement, Declarations, If, Loop};
        match (construct, word) {
            (_, Keyword::Begin) => self.open(Block, at)?,
            (_, Keyword::Declare) => self.open(Declarations, at)?,
            (_, Keyword::Loop) => self.open(Loop, at)?,
            (_, Keyword::For | Keyword::Foreach | Keyword::While) => {
                self.push(Loop, Awaits::Loop, at)?;
            }
            (_, Keyword::If) => self.push(If, Awaits::Then, at)?,
            (_, Keyword::Case) => self.push(CaseStatement, Awaits::When, at)?,
            (If, Keyword::Elsif | Keyword::Elseif) | (Block | CaseStatement, Keyword::When) => {
                self.top_mut().awaits = Awaits::Then;
            }
            (If | CaseStatement, Keyword::Else) | (Block, Keyword::Exception) => self.restart(),
            _ => {}
        }
        Ok(())
    }

    /// The token continues a statement or a declaration.
    fn inside(&mut self, token: Token<'_>, word: Option<Keyword>, at: u32) -> Result<(), Error> {
        let command = self.command;
        self.command = command.next(word);
        match (token, word) {
            (Token::Open, _) => self.parentheses = self.parentheses.saturating_add(1),
            (Token::Close, _) => {
                self.parentheses = self.parentheses.saturating_sub(1);
                while self.in_expression() && self.top().parentheses > self.parentheses {
                    self.pop();
                }
            }
            (Token::Semicolon, _) => {
                self.drop_expressions();
                self.top_mut().awaits = Awaits::Nothing;
                self.restart();
            }
            // A name follows AS, except in the header of a routine that this
            // statement creates, where the routine's body does.
            (_, Some(Keyword::As)) => {
                self.name_follows = command != Command::CreateRoutine || self.parentheses > 0;
            }
            (_, Some(Keyword::Case)) => {
                self.push(Construct::CaseExpression, Awaits::Nothing, at)?;
                self.top_mut().parentheses = self.parentheses;
            }
            (_, Some(Keyword::End))
                if self.in_expression() && self.top().parentheses == self.parentheses =>
            {
                self.pop();
            }
            (_, Some(word)) if self.parentheses == 0 => self.inside_bare(command, word, at),
            _ => {}
        }
        Ok(())
    }

    /// The word continues a statement, outside of parentheses.
    fn inside_bare(&mut self, command: Command, word: Keyword, at: u32) {
        match (self.top().awaits, word) {
            (Awaits::Then, Keyword::Then) => {
                self.top_mut().awaits = Awaits::Nothing;
                self.restart();
            }
            (Awaits::When, Keyword::When) => self.top_mut().awaits = Awaits::Then,
            // PL/pgSQL ends the loop's head here, whatever is open in it.
            (_, Keyword::Loop) if self.below_expressions().awaits == Awaits::Loop => {
                self.drop_expressions();
                self.top_mut().awaits = Awaits::Nothing;
                self.restart();
            }
            (_, Keyword::Begin) if command == Command::CreateRoutine && !self.in_expression() => {
                self.state = BodyState::Begin;
                self.mark = at;
            }
            _ => {}
        }
    }

    /// The token follows an END that does not close the routine. Returns whether it
    /// is part of that END, as IF, LOOP and CASE are. A label is not: it is read as
    /// if it started a statement, where no word that can be a label is a keyword.
    fn behind_end(&mut self, word: Option<Keyword>) -> Result<bool, Error> {
        let found = Closer::from_word(word);
        self.check_closer(found)?;
        self.pop();
        self.restart();
        Ok(found != Closer::End)
    }

    /// The token follows the END that closes the routine.
    fn behind_routine(
        &mut self,
        token: Token<'_>,
        word: Option<Keyword>,
    ) -> Result<Progress, Error> {
        self.check_closer(Closer::from_word(word))?;
        self.state = BodyState::Done;
        Ok(match token {
            Token::Word(_) | Token::Quoted => Progress::Name,
            _ => Progress::Done,
        })
    }

    fn behind_pragma(&mut self, token: Token<'_>, word: Option<Keyword>) -> Result<bool, Error> {
        if matches!(token, Token::Word(_)) && !is_pragma(token) {
            return Err(Error::Pragma {
                autonomous: word == Some(Keyword::AutonomousTransaction),
                at: self.mark,
            });
        }
        self.state = BodyState::Inside;
        Ok(false)
    }

    fn behind_subprogram(&mut self, token: Token<'_>) -> bool {
        let name = matches!(token, Token::Word(_) | Token::Quoted);
        self.state = if name {
            BodyState::SubprogramName
        } else {
            BodyState::Inside
        };
        name
    }

    /// Tells a subprogram from a variable, because PL/pgSQL allows variables named
    /// `function` and `procedure`.
    fn behind_subprogram_name(
        &mut self,
        token: Token<'_>,
        word: Option<Keyword>,
    ) -> Result<bool, Error> {
        if token == Token::Open || matches!(word, Some(Keyword::As | Keyword::Is | Keyword::Return))
        {
            return Err(Error::Subprogram { at: self.mark });
        }
        self.state = BodyState::Inside;
        Ok(false)
    }

    /// The token follows a BEGIN in CREATE FUNCTION. PL/pgSQL counts every BEGIN
    /// there. So a routine can create another one, if that has no declarations; its
    /// body is then a block like any other.
    fn behind_begin(&mut self, token: Token<'_>, word: Option<Keyword>) -> Result<bool, Error> {
        let atomic = word == Some(Keyword::Atomic);
        if atomic {
            self.open(Construct::SqlBody, self.mark)?;
        } else if matches!(token, Token::Word(_) | Token::Quoted | Token::LabelOpen) {
            self.open(Construct::Block, self.mark)?;
        } else {
            self.state = BodyState::Inside;
        }
        Ok(atomic)
    }

    fn check_closer(&self, found: Closer) -> Result<(), Error> {
        let Frame {
            construct, opened, ..
        } = self.top();
        if found == Closer::of(construct) {
            return Ok(());
        }
        Err(Error::Mismatch {
            open: construct,
            opened,
            found,
            at: self.mark,
        })
    }

    /// The next token may start a statement or a declaration.
    fn restart(&mut self) {
        self.state = BodyState::Start;
        self.command = Command::Plain;
        self.parentheses = 0;
    }

    /// Opens a construct that starts with a statement or a declaration.
    fn open(&mut self, construct: Construct, at: u32) -> Result<(), Error> {
        self.push(construct, Awaits::Nothing, at)?;
        self.restart();
        Ok(())
    }

    fn push(&mut self, construct: Construct, awaits: Awaits, at: u32) -> Result<(), Error> {
        let Some(frame) = self.frames.get_mut(self.height as usize) else {
            return Err(Error::TooDeep { at });
        };
        *frame = Frame {
            opened: at,
            parentheses: 0,
            construct,
            awaits,
        };
        self.height += 1;
        Ok(())
    }

    /// Closes the innermost construct, unless it is the routine itself.
    fn pop(&mut self) {
        if self.height > 1 {
            self.height -= 1;
        }
    }

    fn in_expression(&self) -> bool {
        self.top().construct == Construct::CaseExpression
    }

    /// Closes the CASE expressions that are still open when their statement ends:
    /// such a CASE was a column's name, or its END is missing.
    fn drop_expressions(&mut self) {
        while self.in_expression() {
            self.pop();
        }
    }

    fn open_frames(&self) -> &[Frame] {
        self.frames
            .get(..self.height as usize)
            .unwrap_or(&self.frames)
    }

    /// The innermost construct.
    fn top(&self) -> Frame {
        self.open_frames().last().copied().unwrap_or(NO_FRAME)
    }

    fn top_mut(&mut self) -> &mut Frame {
        let top = (self.height as usize).saturating_sub(1);
        &mut self.frames[top.min(Body::LIMIT - 1)]
    }

    /// The innermost construct that is not a CASE expression.
    fn below_expressions(&self) -> Frame {
        self.open_frames()
            .iter()
            .rev()
            .find(|frame| frame.construct != Construct::CaseExpression)
            .copied()
            .unwrap_or(NO_FRAME)
    }
}

/// Whether the word after PRAGMA is one that the translation knows (rule D10): it makes
/// EXCEPTION_INIT part of the exception, and leaves out what concerns only how Oracle
/// compiles or runs the routine.
fn is_pragma(word: Token<'_>) -> bool {
    const KNOWN: [&str; 7] = [
        "exception_init",
        "serially_reusable",
        "inline",
        "udf",
        "restrict_references",
        "deprecate",
        "coverage",
    ];
    KNOWN.iter().any(|known| word.is_word(known))
}

impl Command {
    /// The state after one more token; `None` stands for any but a keyword.
    fn next(self, word: Option<Keyword>) -> Command {
        match (self, word) {
            (Command::Create, Some(Keyword::Or)) => Command::CreateOr,
            (Command::CreateOr, Some(Keyword::Replace)) => Command::CreateOrReplace,
            (
                Command::Create | Command::CreateOrReplace,
                Some(Keyword::Function | Keyword::Procedure),
            ) => Command::CreateRoutine,
            (Command::CreateRoutine, _) => self,
            _ => Command::Plain,
        }
    }
}
