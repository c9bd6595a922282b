//! A queue of bytes: first in memory, then in an unlinked temporary file. Bodies wait in it for a slower reader.

use std::collections::VecDeque;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};

/// Bytes read back from the file at a time.
const BACK: usize = 64 * 1024;
/// Pieces that are this small together become one: a slow peer's bytes would each cost more than they are.
const SMALL: usize = 512;

/// The queue; bounded by its user, who asks [`Spool::has_room`] before pushing.
#[derive(Debug, Default)]
pub struct Spool {
    memory: VecDeque<Bytes>,
    memory_len: usize,
    file: Option<File>,
    /// The file's number among nginx's temporary ones.
    number: Option<u64>,
    /// The part of the file that waits to be read.
    read: u64,
    written: u64,
}

impl Spool {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.read == self.written
    }

    /// Part of it waits in a file.
    pub fn in_file(&self) -> bool {
        self.read != self.written
    }

    /// The number of the file that was made for it.
    pub fn file_number(&self) -> Option<u64> {
        self.number
    }

    /// What waits in memory goes to this file, for bytes that come later to follow.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn move_to(&mut self, file: File, number: u64) -> io::Result<()> {
        while let Some(piece) = self.pop() {
            file.write_all_at(&piece, self.written)?;
            self.written += piece.len() as u64;
        }
        self.file = Some(file);
        self.number = Some(number);
        Ok(())
    }

    /// Bytes waiting.
    pub fn len(&self) -> u64 {
        self.memory_len as u64 + (self.written - self.read)
    }

    /// True while less than `memory` bytes wait in memory, or less than `file` bytes were put into the file.
    pub fn has_room(&self, memory: usize, file: u64) -> bool {
        (self.read == self.written && self.memory_len < memory) || self.written < file
    }

    /// Adds bytes: to memory while it holds less than `memory`, else to a temporary file in `folder`.
    ///
    /// # Errors
    /// The temporary file cannot be made or written.
    pub fn push(&mut self, bytes: Bytes, memory: usize, folder: &Path) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.read == self.written && self.memory_len < memory {
            self.push_memory(bytes);
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                self.number = Some(next_number(false));
                none.insert(temporary(folder)?)
            }
        };
        file.write_all_at(&bytes, self.written)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Adds the last bytes, whatever room there is.
    ///
    /// # Errors
    /// As [`Spool::push`].
    pub fn push_end(&mut self, bytes: Bytes, folder: &Path) -> io::Result<()> {
        self.push(bytes, usize::MAX, folder)
    }

    /// Adds bytes to those in memory; for a queue that has no file.
    pub fn push_memory(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.memory_len += bytes.len();
        match self.memory.back_mut() {
            Some(last) if last.len() + bytes.len() <= SMALL => {
                *last = Bytes::from([&last[..], &bytes[..]].concat());
            }
            _ => self.memory.push_back(bytes),
        }
    }

    /// Brings bytes back from the file if memory is empty.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load(&mut self) -> io::Result<()> {
        if !self.memory.is_empty() || self.read == self.written {
            return Ok(());
        }
        let Some(file) = &self.file else {
            return Ok(());
        };
        let want = usize::try_from(self.written - self.read)
            .unwrap_or(BACK)
            .min(BACK);
        let mut back = BytesMut::zeroed(want);
        file.read_exact_at(&mut back, self.read)?;
        self.read += want as u64;
        self.memory_len += want;
        self.memory.push_back(back.freeze());
        if self.read == self.written {
            self.read = 0;
            self.written = 0;
        }
        Ok(())
    }

    /// The pieces in memory, front first.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        self.memory.iter()
    }

    /// Takes the front piece.
    pub fn pop(&mut self) -> Option<Bytes> {
        let piece = self.memory.pop_front()?;
        self.memory_len -= piece.len();
        Some(piece)
    }

    /// Forgets the first `n` bytes in memory.
    pub fn advance(&mut self, mut n: usize) {
        self.memory_len -= n.min(self.memory_len);
        while n > 0 {
            let Some(front) = self.memory.front_mut() else {
                return;
            };
            if front.len() > n {
                bytes::Buf::advance(front, n);
                return;
            }
            n -= front.len();
            self.memory.pop_front();
        }
    }

    /// A second reader of the same bytes, from the start (a request body that may be sent to a second peer).
    /// Memory is shared; the file is read by offset, so both readers are independent.
    ///
    /// # Errors
    /// The file's descriptor cannot be duplicated.
    pub fn reader(&self) -> io::Result<Spool> {
        Ok(Spool {
            number: self.number,
            memory: self.memory.clone(),
            memory_len: self.memory_len,
            file: self.file.as_ref().map(File::try_clone).transpose()?,
            read: self.read,
            written: self.written,
        })
    }
}

/// Numbers of temporary files, and of other things that nginx counts along with them, from 1.
static NUMBER: AtomicU64 = AtomicU64::new(1);

/// The next number; `peek` leaves it to the one who takes it.
pub fn next_number(peek: bool) -> u64 {
    match peek {
        true => NUMBER.load(Ordering::Relaxed),
        false => NUMBER.fetch_add(1, Ordering::Relaxed),
    }
}

/// The next number, behind one whose file is there already: nginx takes a long step.
pub fn number_behind_a_taken_one() -> u64 {
    const STEP: u64 = 123_456;
    NUMBER.fetch_add(STEP, Ordering::Relaxed) + STEP - 1
}

/// An unlinked file in `folder`, or in the system's folder for temporary files where that one does not exist yet and cannot be made.
fn temporary(folder: &Path) -> io::Result<File> {
    crate::wall::may_write(folder)
        .and_then(|()| tempfile::tempfile_in(folder))
        .or_else(|_| {
            crate::wall::may_write(folder)?;
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
            tempfile::tempfile_in(folder)
        })
        .or_else(|_| tempfile::tempfile())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_across_memory_and_file() {
        let folder = std::env::temp_dir();
        let mut spool = Spool::new();
        for n in 0..100u8 {
            spool.push(Bytes::from(vec![n; 10]), 50, &folder).unwrap();
        }
        assert_eq!(spool.len(), 1000);
        let mut second = spool.reader().unwrap();
        for reader in [&mut spool, &mut second] {
            let mut seen = Vec::new();
            while !reader.is_empty() {
                reader.load().unwrap();
                while let Some(piece) = reader.pop() {
                    seen.extend_from_slice(&piece);
                }
            }
            let expected: Vec<u8> = (0..100u8).flat_map(|n| [n; 10]).collect();
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn small_pieces_are_joined() {
        let mut spool = Spool::new();
        for n in 0..2000u16 {
            spool.push_memory(Bytes::from(vec![n as u8]));
        }
        assert_eq!((spool.pieces().count(), spool.len()), (4, 2000));
        let joined: Vec<u8> = spool.pieces().flat_map(|p| p.to_vec()).collect();
        assert!(joined.iter().zip(0u16..).all(|(&byte, n)| byte == n as u8));
    }

    #[test]
    fn advance_crosses_pieces() {
        let mut spool = Spool::new();
        for text in ["abc", "def", "ghi"] {
            spool.push(Bytes::from(text), 100, Path::new("/")).unwrap();
        }
        spool.advance(4);
        let rest: Vec<u8> = spool.pieces().flat_map(|p| p.to_vec()).collect();
        assert_eq!(rest, b"efghi");
        assert_eq!(spool.len(), 5);
    }
}
