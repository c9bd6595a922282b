//! Tells how a request would be answered, without doing it.
//!
//! No second implementation: the request's bytes go through the very connection loop, application and phases of the
//! server, over a pair of sockets that leads nowhere, by a worker whose [`Effects`] only note what they would do.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use actix_service::Service;
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use crate::config::model::Model;
use crate::wire::answer::{Answer, Body, End, Outcome, PieceOf};
use crate::wire::connection::Connection;
use crate::wire::counts::{Counted, Counts};
use crate::wire::request_parser::HeadLimits;
use crate::wire::serve::{Gone, Handler, Incoming, Registry, Unasked, serve};
use crate::wire::stream::Stream;

use super::app::{AtListen, application};
use super::effects::Effects;
use super::log::Logs;
use super::proxy::{ClientError, Upstreams};
use super::room::Room;
use super::server::head_rules;
use super::trace::{Step, TURN, Trace, text};
use super::worker::{AddressMap, Product, Worker};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Index in [`Model::listens`] of the address that the request comes in by.
    pub listen: usize,
    /// The bytes that a client sends.
    pub raw: Vec<u8>,
    pub peer: SocketAddr,
    /// The address that it connects to.
    pub local: SocketAddr,
    pub product: Product,
}

/// How a request would be answered.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// Of this form; a change that readers could stumble over counts it up.
    pub version: u32,
    /// The line that a running lab prints for it, without status and time.
    pub story: String,
    pub steps: Vec<Step>,
    pub outcome: Ending,
}

/// What the client would see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Ending {
    /// This answer.
    Answer {
        status: u16,
        /// Status line and fields; none in HTTP/0.9.
        head: Vec<String>,
        body: BodyShown,
    },
    /// It depends on what this peer answers.
    Upstream {
        address: String,
        /// Peers that are asked instead when it is their turn: that depends on the requests before.
        turns: Vec<String>,
    },
    /// The connection is closed without an answer; the status is what the log says.
    Closed { status: u16 },
    /// The bytes are no whole head: nothing happens until the rest comes or time is out.
    Incomplete,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum BodyShown {
    None,
    /// A text that the server makes; the first [`SHOWN`] bytes of it.
    Text {
        length: u64,
        text: String,
    },
    /// Bytes that are no text.
    Binary {
        length: u64,
    },
    /// Bytes of a file.
    File {
        length: u64,
    },
}

/// Bytes of a body that are told.
pub const SHOWN: usize = 4096;

/// The request could not be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("no sockets for it: {0}")]
    Sockets(#[from] std::io::Error),
    #[error("the application cannot be made")]
    Application,
    #[error("there is nothing in the request")]
    Nothing,
}

/// Explains the first request of the bytes. Needs the runtime of [`actix_rt`].
///
/// # Errors
/// No sockets, or nothing to explain.
pub async fn explain(model: &Arc<Model>, question: Question) -> Result<Explanation, ExplainError> {
    let story = Arc::new(Mutex::new(String::new()));
    let heard = story.clone();
    let logs = Arc::new(Logs::default());
    let worker = Rc::new(Worker {
        product: question.product,
        room: Room::new(model.clone(), logs.clone(), Rc::default(), Rc::default()),
        logs,
        upstreams: Upstreams::new(AddressMap::default())?,
        story: Some(Arc::new(move |line: &str| {
            if let Ok(mut story) = heard.lock() {
                *story = line.to_owned();
            }
        })),
        effects: Effects::Explained(Trace::default()),
    });
    let application = application()
        .await
        .map_err(|()| ExplainError::Application)?;
    let Some(listen) = model.listens.get(question.listen) else {
        return Err(ExplainError::Nothing);
    };
    let (ours, client) = UnixStream::pair()?;
    // As if it were the first of all.
    let counts = Arc::<Counts>::default();
    counts.accepted();
    let connection = Rc::new(Connection::new(
        Stream::Unix(ours),
        Some(question.peer),
        Some(question.local),
        Counted::new(counts),
    ));
    let listening = Listening {
        inner: AtListen {
            application: &application,
            listen: question.listen,
            model,
            worker: &worker,
            last: false,
        },
        ending: RefCell::new(None),
    };
    let (rules, registry) = (head_rules(&listen.default_server), Registry::default());
    let serving = async {
        serve(connection, &rules, &registry, &listening).await;
    };
    // Bytes behind the first request find nobody to read them.
    let sending = async move {
        let (_read, mut write) = client.into_split();
        let _ = write.write_all(&question.raw).await;
        let _ = write.shutdown().await;
    };
    futures::future::join(serving, sending).await;
    let ending = listening.ending.take().ok_or(ExplainError::Nothing)?;
    let steps = worker.effects.trace().map(Trace::take).unwrap_or_default();
    let story = story.lock().map(|story| story.clone()).unwrap_or_default();
    Ok(Explanation {
        version: 1,
        story: without_end(&story),
        outcome: ended(ending, &steps),
        steps,
    })
}

/// `… → 200, 0 ms`: what was measured says nothing here.
fn without_end(story: &str) -> String {
    story
        .rsplit_once(" → ")
        .map_or(story, |(start, _)| start)
        .to_owned()
}

/// What the handler saw of the answer.
enum Seen {
    Answer(Ending),
    /// Nothing is sent.
    Silent,
    Incomplete,
}

/// Takes the answer instead of the connection.
struct Listening<'a, S> {
    inner: AtListen<'a, S>,
    ending: RefCell<Option<Seen>>,
}

impl<S> Handler for Listening<'_, S>
where
    S: Service<
            actix_http::Request,
            Response = actix_web::dev::ServiceResponse,
            Error = actix_web::Error,
        >,
{
    /// Nothing is logged here.
    fn unasked(&self, _: &Connection, _: Unasked) {}

    fn limits(&self, host: &[u8]) -> Option<HeadLimits> {
        self.inner.limits(host)
    }

    async fn handle(&self, incoming: Incoming) -> Answer {
        let gone = incoming.gone;
        let mut answer = self.inner.handle(incoming).await;
        let seen = match gone {
            Some(Gone::Closed | Gone::TimedOut | Gone::Failed(_)) => Seen::Incomplete,
            None if answer.silent => Seen::Silent,
            None => Seen::Answer(shown(&answer)),
        };
        *self.ending.borrow_mut() = Some(seen);
        if let Some(done) = answer.done.take() {
            done(&Outcome {
                sent: answer.head.len() as u64,
                end: End::Complete,
                kept: answer.keep_alive,
            });
        }
        Answer::nothing()
    }
}

fn shown(answer: &Answer) -> Ending {
    let lines = answer.head.split(|&b| b == b'\n').map(text_of_line);
    let head: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    let status = head
        .first()
        .and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .unwrap_or(0);
    let body = match &answer.body {
        Body::None | Body::Stream(_) => BodyShown::None,
        Body::Bytes(bytes) if bytes.contains(&0) => BodyShown::Binary {
            length: bytes.len() as u64,
        },
        Body::Bytes(bytes) => BodyShown::Text {
            length: bytes.len() as u64,
            text: text_of(bytes),
        },
        Body::Pieces { pieces, .. } => BodyShown::File {
            length: pieces
                .iter()
                .map(|piece| match piece {
                    PieceOf::Memory(bytes) => bytes.len() as u64,
                    PieceOf::File(_, length) => *length,
                })
                .sum(),
        },
    };
    Ending::Answer { status, head, body }
}

fn text_of_line(line: &[u8]) -> String {
    text(line.strip_suffix(b"\r").unwrap_or(line))
}

/// The beginning of a text, with its line ends.
fn text_of(bytes: &[u8]) -> String {
    let shown = bytes.get(..SHOWN.min(bytes.len())).unwrap_or_default();
    let lines = shown.split(|&b| b == b'\n').map(text_of_line);
    lines.collect::<Vec<_>>().join("\n")
}

fn ended(seen: Seen, steps: &[Step]) -> Ending {
    let asked = steps.iter().rev().find_map(|step| match step {
        Step::Peer {
            address, others, ..
        } => Some(Ending::Upstream {
            address: address.clone(),
            turns: others
                .iter()
                .filter(|other| other.reason.starts_with(TURN))
                .map(|other| other.name.clone())
                .collect(),
        }),
        _ => None,
    });
    let status = match steps.last() {
        Some(Step::End { status, .. }) => *status,
        _ => 0,
    };
    match seen {
        // HTTP/0.9 has no line that says it.
        Seen::Answer(Ending::Answer {
            status: 0,
            head,
            body,
        }) => Ending::Answer { status, head, body },
        Seen::Answer(ending) => ending,
        Seen::Incomplete => Ending::Incomplete,
        Seen::Silent => asked
            .filter(|_| status == 0)
            .unwrap_or(Ending::Closed { status }),
    }
}
