//! Temporary files as the error log names them.
//!
//! The lab's own are unlinked as soon as they are made, and have no name that anybody could see. The log says the one that
//! nginx would have given: a number, in folders named by its last digits.

use crate::config::model::TempPath;

/// The name of the file with this number in `path`.
pub fn name(path: &TempPath, number: u64) -> String {
    let file = format!("{number:010}");
    let mut name = path.folder.display().to_string();
    let mut end = file.len();
    for level in &path.levels {
        let start = end.saturating_sub(*level);
        name = format!("{name}/{}", file.get(start..end).unwrap_or_default());
        end = start;
    }
    format!("{name}/{file}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_take_digits_from_the_end() {
        let path = |levels: &[usize]| TempPath {
            folder: std::path::PathBuf::from("/t").into(),
            levels: levels.into(),
        };
        assert_eq!(name(&path(&[]), 7), "/t/0000000007");
        assert_eq!(name(&path(&[1, 2]), 1234), "/t/4/23/0000001234");
        assert_eq!(name(&path(&[2, 1, 3]), 1234), "/t/34/2/001/0000001234");
    }
}
