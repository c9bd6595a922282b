//! What a block says about nginx's small modules.

use super::referer;

/// Their lines, read by the functions of each module's own file.
#[derive(Debug, Default)]
pub struct Draft {
    pub referers: Option<referer::Draft>,
}
