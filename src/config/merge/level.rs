//! A level: what it says by itself, what it inherits, and the place that it becomes.

use bytes::Bytes;

use super::lost::lost;
use super::proxy::ProxyState;
use super::{Merge, core, proxy};
use crate::config::analyse::chain::Chain;
use crate::config::analyse::frame::{Level, LocationHead};
use crate::config::analyse::{filters, modules};
use crate::config::filters::{Files, Filters};
use crate::config::model::{Core, Location, LocationKind, Locations};
use crate::config::modules::Modules;
use crate::config::source::Span;

/// What a level gives by itself, beside its simple values.
pub struct Parts {
    core: core::Parts,
    proxy: proxy::Parts,
    filters: filters::Draft,
    modules: modules::Draft,
}

impl Parts {
    pub fn take(level: &mut Level) -> Self {
        Self {
            core: core::Parts::take(level),
            proxy: proxy::Parts::take(level),
            filters: std::mem::take(&mut level.filters),
            modules: std::mem::take(&mut level.modules),
        }
    }
}

/// All that applies in a level.
pub struct Settings {
    pub core: Core,
    pub proxy: ProxyState,
    filters: Filters,
    files: Files,
    modules: Modules,
}

/// A level with everything that it inherits, for those in it.
pub struct Outer<'a> {
    pub chain: Chain<'a>,
    pub settings: &'a Settings,
}

impl Merge<'_> {
    /// `outer` is what applies around the level, nothing around `http`; `head` is of the location that it is, or that it
    /// stands in.
    pub fn settings(
        &mut self,
        chain: &Chain<'_>,
        own: Parts,
        outer: Option<&Settings>,
        head: Option<&LocationHead>,
    ) -> Settings {
        let core = self.core(chain, own.core, outer.map(|outer| &outer.core), head);
        let proxy = self.proxy(chain, own.proxy, outer.map(|outer| &outer.proxy));
        let around = outer.map(|outer| (&outer.filters, &outer.files));
        let (filters, files) = self.filters(chain, own.filters, around);
        let modules = self.modules(chain, own.modules, outer.map(|outer| &outer.modules));
        Settings {
            core,
            proxy,
            filters,
            files,
            modules,
        }
    }
}

impl Settings {
    /// A place where these apply, with nothing in it so far.
    pub fn place(
        self,
        (kind, name): (LocationKind, Bytes),
        outer: &Outer<'_>,
        span: Span,
    ) -> Location {
        let proxy = self.proxy.proxy;
        Location {
            kind,
            name,
            children: Locations::default(),
            rewrite: Vec::new(),
            limit_except: None,
            handler: None,
            lost: lost(&self.core, &proxy, outer),
            core: self.core,
            proxy,
            filters: self.filters,
            files: self.files,
            modules: self.modules,
            span,
        }
    }
}
