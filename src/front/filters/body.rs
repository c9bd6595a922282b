//! Bytes on their way through body filters: portions as nginx passes them on, the buffers of its chains. What one call
//! brings to the end of the way is one chunk.

use std::collections::VecDeque;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};

use crate::front::request::Request;
use crate::wire::answer::{BodyStream, OpenFile, PieceOf, ReadAhead, StreamCut};

/// Bytes of an upstream that are passed on at once, if so many are there.
const TURN: usize = 256 * 1024;

/// What a filter passes to the next.
#[derive(Debug, Default)]
pub struct Portion {
    pub bytes: Bytes,
    /// Nothing of it may be held back.
    pub flush: bool,
    /// Its buffer is wanted back soon (nginx's `recycled`): filters that only look ahead hold back no more than they must.
    pub recycled: bool,
    /// The next one comes in the same call.
    pub more: bool,
    /// The body ends with it.
    pub last: bool,
}

impl Portion {
    /// The same bytes in several portions of one call, which end at these places and at the end.
    fn parted(mut self, ends: &[usize]) -> Vec<Self> {
        let mut portions = Vec::with_capacity(ends.len() + 1);
        let mut begin = 0;
        for &end in ends {
            portions.push(Self {
                bytes: self.bytes.split_to((end - begin).min(self.bytes.len())),
                more: true,
                ..self
            });
            begin = end;
        }
        portions.push(self);
        portions
    }
}

/// A filter failed: the answer ends here, and the client sees that it is not whole.
#[derive(Debug)]
pub struct Failed;

/// A step of the way.
pub trait BodyFilter {
    /// The head is made, and no byte of the body has come: variables have the values that they have from now on.
    fn head_made(&mut self, _: &Request) {}

    /// Takes a portion; appends what goes on to `out`.
    ///
    /// # Errors
    /// The body cannot be filtered (the error log has why).
    fn pass(&mut self, portion: Portion, out: &mut Vec<Portion>) -> Result<(), Failed>;
}

/// Where the bytes come from.
pub enum Source {
    Memory(Bytes),
    /// Pieces of memory and of a file, read in portions of this size.
    File {
        file: OpenFile,
        pieces: VecDeque<PieceOf>,
        size: u64,
    },
    Stream(Box<dyn BodyStream>),
    Empty,
}

/// A body behind its filters.
pub struct Filtered {
    source: Source,
    filters: Vec<Box<dyn BodyFilter>>,
    ready: VecDeque<Chunk>,
    /// What was given last is wanted nowhere else, and need not leave at once.
    rest: bool,
    state: State,
}

/// What one call brought to the end of the way.
struct Chunk {
    bytes: Bytes,
    rest: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Flowing,
    /// The last portion was passed.
    Ended,
    Cut(StreamCut),
}

impl Filtered {
    pub fn new(source: Source, filters: Vec<Box<dyn BodyFilter>>) -> Self {
        Self {
            source,
            filters,
            ready: VecDeque::new(),
            rest: false,
            state: State::Flowing,
        }
    }

    /// The source broke off. What the filters hold of an upstream's answer goes on all the same (nginx's
    /// `NGX_HTTP_FLUSH`), unless its framing was broken.
    fn cut(&mut self, cut: StreamCut) {
        if cut == StreamCut::Closed && matches!(self.source, Source::Stream(_)) {
            self.filter(vec![Portion {
                flush: true,
                ..Portion::default()
            }]);
        }
        if self.state == State::Flowing {
            self.state = State::Cut(cut);
        }
    }

    /// Sends the portions of a call through all filters.
    fn filter(&mut self, mut portions: Vec<Portion>) {
        for filter in &mut self.filters {
            let mut out = Vec::new();
            for portion in portions {
                if filter.pass(portion, &mut out).is_err() {
                    // What still waits is not sent either.
                    self.state = State::Cut(StreamCut::Invalid);
                    self.ready.clear();
                    return;
                }
            }
            portions = out;
        }
        if portions.iter().any(|portion| portion.last) {
            self.state = State::Ended;
        }
        for call in portions.chunk_by(|portion, _| portion.more) {
            let bytes = joined(call.iter().map(|portion| portion.bytes.clone()).collect());
            let rest = call.iter().all(|p| !p.recycled && !p.flush);
            if !bytes.is_empty() {
                self.ready.push_back(Chunk { bytes, rest });
            }
        }
    }
}

/// Several pieces as one.
fn joined(mut parts: Vec<Bytes>) -> Bytes {
    match parts.len() {
        0 | 1 => parts.pop().unwrap_or_default(),
        _ => Bytes::from(parts.concat()),
    }
}

impl Source {
    /// The portions of the next call; an error cuts the body.
    fn poll_call(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<Portion>, StreamCut>> {
        let last = |bytes| Portion {
            bytes,
            last: true,
            ..Portion::default()
        };
        let portion = match self {
            Self::Empty => last(Bytes::new()),
            Self::Memory(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                last(bytes)
            }
            Self::File { file, pieces, size } => read(file, pieces, *size)?,
            Self::Stream(stream) => {
                let (portion, ended) = ready!(poll_stream(stream.as_mut(), cx))?;
                let ends = stream.take_ends();
                if ended {
                    *self = Self::Empty;
                }
                return Poll::Ready(Ok(portion.parted(&ends)));
            }
        };
        Poll::Ready(Ok(vec![portion]))
    }
}

/// The next portion of a file: what one buffer holds of it, and the text behind.
fn read(file: &OpenFile, pieces: &mut VecDeque<PieceOf>, size: u64) -> Result<Portion, StreamCut> {
    let mut bytes = BytesMut::new();
    if let Some(&PieceOf::File(offset, len)) = pieces.front() {
        pieces.pop_front();
        let now = len.min(size.max(1));
        if len > now {
            pieces.push_front(PieceOf::File(offset + now, len - now));
        }
        bytes.resize(usize::try_from(now).unwrap_or_default(), 0);
        // The file lost bytes since it was measured.
        file.read_exact_at(&mut bytes, offset)
            .map_err(|_| StreamCut::Closed)?;
    }
    while let Some(PieceOf::Memory(_)) = pieces.front() {
        if let Some(PieceOf::Memory(text)) = pieces.pop_front() {
            bytes.extend_from_slice(&text);
        }
    }
    let bytes = bytes.freeze();
    let last = pieces.is_empty();
    Ok(Portion {
        recycled: !last,
        bytes,
        last,
        ..Portion::default()
    })
}

/// All that an upstream has now (a piece, if each is nginx's buffers), and whether it ended; the end itself is a
/// portion of its own.
fn poll_stream(
    stream: &mut dyn BodyStream,
    cx: &mut Context<'_>,
) -> Poll<Result<(Portion, bool), StreamCut>> {
    let mut parts: Vec<Bytes> = Vec::new();
    let mut total = 0;
    let mut ended = false;
    let mut broken = false;
    while total < TURN {
        match stream.poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                total += bytes.len();
                parts.push(bytes);
                if stream.apart() {
                    break;
                }
            }
            Poll::Ready(Some(Err(cut))) if parts.is_empty() => return Poll::Ready(Err(cut)),
            // What came is passed on first; the source says again that it broke off.
            Poll::Ready(Some(Err(_))) => {
                broken = true;
                break;
            }
            Poll::Ready(None) => {
                ended = true;
                break;
            }
            Poll::Pending if parts.is_empty() => return Poll::Pending,
            Poll::Pending => break,
        }
    }
    let portion = Portion {
        bytes: joined(parts),
        flush: stream.eager(),
        recycled: !ended && !broken && !stream.is_over(),
        ..Portion::default()
    };
    Poll::Ready(Ok((portion, ended)))
}

impl BodyStream for Filtered {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamCut>>> {
        loop {
            if let Some(Chunk { bytes, rest }) = self.ready.pop_front() {
                self.rest = rest;
                return Poll::Ready(Some(Ok(bytes)));
            }
            match self.state {
                State::Flowing => {}
                State::Ended => return Poll::Ready(None),
                State::Cut(cut) => return Poll::Ready(Some(Err(cut))),
            }
            match ready!(self.source.poll_call(cx)) {
                Ok(portions) => self.filter(portions),
                Err(cut) => self.cut(cut),
            }
        }
    }

    fn poll_pump(&mut self, cx: &mut Context<'_>) {
        if let Source::Stream(stream) = &mut self.source {
            stream.poll_pump(cx);
        }
    }

    fn ahead(&self) -> ReadAhead {
        match &self.source {
            Source::Stream(stream) => stream.ahead(),
            // A file is there whenever it is wanted.
            _ => ReadAhead {
                memory: 64 * 1024,
                file: 0,
                folder: Path::new("").into(),
            },
        }
    }

    fn eager(&self) -> bool {
        matches!(&self.source, Source::Stream(stream) if stream.eager())
    }

    fn is_over(&self) -> bool {
        self.rest
    }

    fn is_at_last(&self) -> bool {
        self.state == State::Ended
    }

    fn watches_client(&self) -> bool {
        matches!(&self.source, Source::Stream(stream) if stream.watches_client())
    }

    fn spilled(&mut self, number: u64) {
        if let Source::Stream(stream) = &mut self.source {
            stream.spilled(number);
        }
    }

    fn abandon(&mut self) {
        if let Source::Stream(stream) = &mut self.source {
            stream.abandon();
        }
    }

    fn is_framed(&self) -> bool {
        true
    }
}
