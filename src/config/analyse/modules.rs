//! What a block says about nginx's small modules.

use super::{Analyser, Outcome, browser, referer, userid};
use crate::config::model::Handler;
use crate::config::parser::Directive;

/// Their lines, read by the functions of each module's own file; what is only a value stands among the level's values.
#[derive(Debug, Default)]
pub struct Draft {
    pub browsers: browser::Draft,
    pub referers: Option<referer::Draft>,
    pub user_id: userid::Draft,
}

/// `stub_status`; nginx looks at no argument of it.
pub fn stub_status(analyser: &mut Analyser, _: &Directive) -> Outcome {
    analyser.frame().level.handler = Some(Handler::StubStatus);
    Ok(())
}

/// `empty_gif`
pub fn empty_gif(analyser: &mut Analyser, _: &Directive) -> Outcome {
    analyser.frame().level.handler = Some(Handler::EmptyGif);
    Ok(())
}
