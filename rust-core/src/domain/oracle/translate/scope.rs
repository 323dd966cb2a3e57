//! The names that the text declares, by blocks and loops. They take precedence over
//! Oracle's words (rule D10).

use super::condition::State;
use std::collections::HashMap;

/// What a declared name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A variable of which no more is known.
    Variable,
    /// A variable with a number.
    Number,
    /// A variable with a date or a time.
    Moment,
    /// A variable that can be a row.
    Record,
    /// The variable of the FOR loop around.
    LoopRecord,
    /// A cursor.
    Cursor,
    /// An exception, and what its condition is here.
    Exception(State),
    /// A type that SUBTYPE or TYPE has declared, and what it is here.
    Type(Vec<u8>),
}

/// A block, as far as a declaration can be added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// How deep the block is.
    pub depth: u32,
    /// The offset of its BEGIN.
    pub begin: u32,
    index: usize,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    block: Block,
    /// It has a DECLARE.
    declares: bool,
}

/// An exception handler.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handler {
    /// How deep its block is.
    depth: u32,
    /// The offset after its THEN.
    pub then: u32,
    /// A variable keeps where the error came from.
    pub keeps_context: bool,
}

/// The names that are declared where the translation is.
#[derive(Debug)]
pub(super) struct Scopes {
    names: HashMap<Vec<u8>, Vec<(u32, Name)>>,
    order: Vec<(u32, Vec<u8>)>,
    blocks: Vec<Open>,
    handlers: Vec<Handler>,
}

impl Scopes {
    pub fn new(parameters: &[Vec<u8>]) -> Scopes {
        let mut scopes = Scopes {
            names: HashMap::new(),
            order: Vec::new(),
            blocks: Vec::new(),
            handlers: Vec::new(),
        };
        for parameter in parameters {
            scopes.add(0, parameter.clone(), Name::Variable);
        }
        scopes
    }

    pub fn add(&mut self, depth: u32, name: Vec<u8>, what: Name) {
        // Among those that are as deep or deeper, which are few: `add` is rarely called for
        // a block that is not the innermost.
        let index = self.order.iter().rposition(|&(other, _)| other <= depth);
        self.order
            .insert(index.map_or(0, |index| index + 1), (depth, name.clone()));
        let all = self.names.entry(name).or_default();
        let index = all.iter().rposition(|&(other, _)| other <= depth);
        all.insert(index.map_or(0, |index| index + 1), (depth, what));
    }

    pub fn get(&self, name: &[u8]) -> Option<&Name> {
        self.names.get(name)?.last().map(|(_, what)| what)
    }

    /// Changes what the innermost name is.
    pub fn set(&mut self, name: &[u8], what: Name) {
        if let Some((_, last)) = self.names.get_mut(name).and_then(|all| all.last_mut()) {
            *last = what;
        }
    }

    /// Forgets what is declared deeper than `depth`.
    pub fn leave(&mut self, depth: u32) {
        while self
            .order
            .last()
            .is_some_and(|(declared, _)| *declared > depth)
        {
            let Some((_, name)) = self.order.pop() else {
                break;
            };
            if let Some(all) = self.names.get_mut(&name) {
                all.pop();
                if all.is_empty() {
                    self.names.remove(&name);
                }
            }
        }
        while self
            .blocks
            .last()
            .is_some_and(|open| open.block.depth > depth)
        {
            self.blocks.pop();
        }
        while self
            .handlers
            .last()
            .is_some_and(|handler| handler.depth > depth)
        {
            self.handlers.pop();
        }
    }

    pub fn open_block(&mut self, depth: u32, begin: u32, declares: bool) {
        let block = Block {
            depth,
            begin,
            index: self.blocks.len(),
        };
        self.blocks.push(Open { block, declares });
    }

    /// The innermost block.
    pub fn block(&self) -> Option<Block> {
        self.blocks.last().map(|open| open.block)
    }

    /// The outermost block.
    pub fn routine(&self) -> Option<Block> {
        self.blocks.first().map(|open| open.block)
    }

    /// The block of the innermost handler.
    pub fn handler_block(&self) -> Option<Block> {
        let depth = self.handlers.last()?.depth;
        self.blocks
            .iter()
            .rev()
            .find(|open| open.block.depth == depth)
            .map(|open| open.block)
    }

    /// Whether DECLARE must precede the declaration that is added to a block. It need not
    /// the next time.
    pub fn opens_declarations(&mut self, block: Block) -> bool {
        match self.blocks.get_mut(block.index) {
            Some(open) => !std::mem::replace(&mut open.declares, true),
            None => false,
        }
    }

    /// The statements that follow handle an exception.
    pub fn open_handler(&mut self, depth: u32, then: u32) {
        while self
            .handlers
            .last()
            .is_some_and(|handler| handler.depth >= depth)
        {
            self.handlers.pop();
        }
        self.handlers.push(Handler {
            depth,
            then,
            keeps_context: false,
        });
    }

    pub fn handler(&mut self) -> Option<&mut Handler> {
        self.handlers.last_mut()
    }
}
