//! Sessions: when the two events fire, the firing itself, and what functions see.

pub(crate) mod current;
pub(crate) mod firing;
pub(crate) mod lifecycle;
pub(crate) mod settings;
pub(crate) mod trial;
pub(crate) mod triggers;
pub(crate) mod variables;
