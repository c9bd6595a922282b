//! The variables that a file itself makes, by `set`, named groups, `map`, `geo` and `split_clients`.

use std::sync::Arc;

use crate::config::geo::Geo;
use crate::config::map::{Map, SplitClients};
use crate::config::template::Template;
use crate::config::variables::Builtin;

/// A variable of the file's own.
#[derive(Debug, Clone)]
pub struct SlotVariable {
    pub name: String,
    pub source: SlotSource,
}

impl SlotVariable {
    /// Whether its value is made of fields of the answer.
    pub fn reads_sent(&self) -> bool {
        match &self.source {
            SlotSource::Set | SlotSource::Group | SlotSource::Nginx(_) => false,
            SlotSource::Map(map) => map.templates().any(Template::reads_sent),
            SlotSource::Geo(geo) => geo.source.iter().any(Template::reads_sent),
            SlotSource::Split(split) => split.source.reads_sent(),
        }
    }
}

/// Where a variable of the file's own has its value from, until a `set` or a group gives it one.
#[derive(Debug, Clone)]
pub enum SlotSource {
    /// `set`: empty until then.
    Set,
    /// A named group: no value until its regex matches.
    Group,
    Map(Arc<Map>),
    Geo(Arc<Geo>),
    Split(Arc<SplitClients>),
    /// nginx's own value of a variable that a file may set (`$invalid_referer`).
    Nginx(Builtin),
}
