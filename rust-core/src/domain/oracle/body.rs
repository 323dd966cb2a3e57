//! From IS or AS to the END that closes the routine.

use super::construct::{Closer, Construct, MAX_OPEN};
use super::error::Error;
use super::keyword::Keyword;
use super::token::Token;
use std::mem;

/// The word that opens a construct's next list of statements.
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
    opened: u32,
    /// How many parentheses of the statement surround a CASE expression.
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

/// What the next token continues.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyState {
    /// Nothing: it starts a statement or a declaration.
    Start,
    /// A statement or a declaration.
    Inside,
    /// A label's `<<`.
    Label,
    /// PRAGMA, at `mark`.
    Pragma,
    /// FUNCTION or PROCEDURE, at `mark`, that starts a declaration.
    Subprogram,
    /// That and a word: its name, or a variable's type.
    SubprogramName,
    /// BEGIN, at `mark`, in CREATE FUNCTION: the next token tells what it is.
    Begin,
    /// END, at `mark`: a word behind it tells what it closes.
    End,
    /// The END, at `mark`, that closes the routine.
    Ended,
    /// Nothing: the routine or the search for its end is over.
    Done,
}

/// CREATE [OR REPLACE] FUNCTION or PROCEDURE, as far as it has come; its body
/// has semicolons of its own. (So has CREATE RULE, but in there nothing that
/// follows one looks like a statement of PL/pgSQL.)
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Plain,
    Create,
    CreateOr,
    CreateOrReplace,
    CreateRoutine,
}

/// What a token means for the routine's extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The token belongs to the routine, which goes on.
    More,
    /// The token is the END that closes the routine. A name may follow.
    End,
    /// The token follows that END and belongs to the routine: its name, once
    /// more. Whether it is the right one is the caller's to check.
    Name,
    /// The token does not belong to the routine, which is over.
    Done,
}

/// Finds the end of a routine's body (rules D2 to D4).
///
/// It is fed what follows IS or AS. Words count as keywords only where
/// PL/pgSQL takes them for keywords: most of them at the start of a statement.
/// A semicolon always ends the statement, even if its THEN or LOOP has not
/// come; what is missing is PL/pgSQL's to say.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    frames: [Frame; Body::LIMIT],
    height: u32,
    mark: u32,
    /// Open parentheses of the statement.
    parentheses: u16,
    state: BodyState,
    command: Command,
    /// After a dot or AS every word is a name.
    name_follows: bool,
}

impl Default for Body {
    fn default() -> Body {
        Body::new()
    }
}

impl Body {
    /// How many constructs can be open at once.
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

    /// Takes the next token, which starts at offset `at`. After an error, and
    /// after [`Progress::Done`], every token is `Done`.
    ///
    /// # Errors
    /// The routine has no end that can be found (rule D3).
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

    /// Ends the search for the end.
    pub const fn finish(&mut self) {
        self.state = BodyState::Done;
    }

    /// Whether the routine goes on.
    pub const fn is_open(&self) -> bool {
        !matches!(self.state, BodyState::Ended | BodyState::Done)
    }

    /// How many constructs are open.
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
        // Most words only begin a statement, which is then read to its end.
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

    /// The word starts a statement of PL/pgSQL, within `construct`.
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
            // No expression has AS there, but a routine's header may.
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

    /// The word continues a statement, outside all parentheses.
    fn inside_bare(&mut self, command: Command, word: Keyword, at: u32) {
        match (self.top().awaits, word) {
            (Awaits::Then, Keyword::Then) => {
                self.top_mut().awaits = Awaits::Nothing;
                self.restart();
            }
            (Awaits::When, Keyword::When) => self.top_mut().awaits = Awaits::Then,
            // PL/pgSQL ends the loop's head here whatever is open in it.
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

    /// The token follows an END that does not close the routine. Says whether
    /// it belongs to that END. A label does not: no word that can be one means
    /// anything at the start of a statement, so it is left to be read as that.
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
        if matches!(token, Token::Word(_)) {
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

    /// PL/pgSQL lets variables be called `function` and `procedure`.
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

    /// The token follows a BEGIN in CREATE FUNCTION. PL/pgSQL counts every
    /// BEGIN there; so a routine without declarations can create another one
    /// in the form of section D, whose body is then a block like any other.
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

    /// A statement or a declaration can start.
    fn restart(&mut self) {
        self.state = BodyState::Start;
        self.command = Command::Plain;
        self.parentheses = 0;
    }

    /// Opens a construct that has a statement or a declaration first.
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

    /// Closes the innermost construct, but never the routine itself.
    fn pop(&mut self) {
        if self.height > 1 {
            self.height -= 1;
        }
    }

    fn in_expression(&self) -> bool {
        self.top().construct == Construct::CaseExpression
    }

    /// A CASE whose END has not come when its statement ends was none, but a
    /// column's name; or END is missing.
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

    /// The innermost construct that is no CASE expression.
    fn below_expressions(&self) -> Frame {
        self.open_frames()
            .iter()
            .rev()
            .find(|frame| frame.construct != Construct::CaseExpression)
            .copied()
            .unwrap_or(NO_FRAME)
    }
}

impl Command {
    /// What it is with one more token, which is not a keyword if `None`.
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
