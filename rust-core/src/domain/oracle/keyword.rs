//! The words that the automata know. Whether such a word is a keyword depends on
//! where it stands, which is for the automata to decide.

macro_rules! keywords {
    ($($name:ident $text:literal,)*) => {
        /// A word that is a keyword in some places.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Keyword {
            $($name,)*
        }

        const TABLE: &[(&[u8], Keyword)] = &[$(($text, Keyword::$name),)*];
    };
}

keywords! {
    After b"after",
    And b"and",
    Array b"array",
    As b"as",
    At b"at",
    Atomic b"atomic",
    Authorization b"authorization",
    AutonomousTransaction b"autonomous_transaction",
    Before b"before",
    Begin b"begin",
    Between b"between",
    Case b"case",
    Collate b"collate",
    Create b"create",
    Declare b"declare",
    Delete b"delete",
    Distinct b"distinct",
    Document b"document",
    Editionable b"editionable",
    Else b"else",
    Elseif b"elseif",
    Elsif b"elsif",
    End b"end",
    Exception b"exception",
    False b"false",
    For b"for",
    Foreach b"foreach",
    Function b"function",
    If b"if",
    Ilike b"ilike",
    In b"in",
    Insert b"insert",
    Instead b"instead",
    Is b"is",
    Isnull b"isnull",
    Json b"json",
    Language b"language",
    Like b"like",
    Loop b"loop",
    Nfc b"nfc",
    Nfd b"nfd",
    Nfkc b"nfkc",
    Nfkd b"nfkd",
    Noneditionable b"noneditionable",
    Normalized b"normalized",
    Not b"not",
    Notnull b"notnull",
    Null b"null",
    Object b"object",
    Of b"of",
    On b"on",
    Operator b"operator",
    Or b"or",
    Overlaps b"overlaps",
    Pragma b"pragma",
    Procedure b"procedure",
    Replace b"replace",
    Return b"return",
    Returns b"returns",
    Role b"role",
    Scalar b"scalar",
    Setof b"setof",
    Similar b"similar",
    Then b"then",
    To b"to",
    Trigger b"trigger",
    True b"true",
    Truncate b"truncate",
    Type b"type",
    Unknown b"unknown",
    Update b"update",
    Value b"value",
    When b"when",
    While b"while",
    With b"with",
    Without b"without",
}

impl Keyword {
    /// The keyword that `word` spells, in upper, lower or mixed case.
    pub(super) fn from_word(word: &[u8]) -> Option<Keyword> {
        TABLE
            .iter()
            .find(|(text, _)| text.eq_ignore_ascii_case(word))
            .map(|&(_, keyword)| keyword)
    }
}
