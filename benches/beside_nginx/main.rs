//! `make bench`: the lab beside real nginx 1.22.1, with the same files, in the same run, in turn.
//!
//! `cargo bench --bench beside_nginx -- [--quick] [--rounds N] [--seconds S] [WORD…]`; a case is measured where its name
//! has all the words (`json 64`). Five rounds of about a second for each server and case take under six minutes.
//!
//! The servers have one core, the load and the upstream that both ask have another. CPU time a request is the figure to
//! look at: it is the server's own, whatever else the machine does.

#[path = "../../tests/support/nginx.rs"]
mod nginx;
#[path = "../../tests/support/ports.rs"]
mod ports;

mod files;
mod load;
mod plan;
mod server;
mod table;
mod upstream;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use load::Load;
use plan::{CONNECTIONS, Case, Setup};
use server::{Server, cores};
use table::{Cell, Measured, Round};

/// The harness failed; what a server does wrong in a round makes the round void instead.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error(transparent)]
    Nginx(#[from] nginx::NoNginx),
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    #[error("{0}")]
    Other(String),
}

impl BenchError {
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io(what, error)
    }
}

/// What the command line asks for.
struct Options {
    rounds: usize,
    measure: Duration,
    words: Vec<String>,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = match (options(), runtime) {
        (Err(error), _) => Err(error),
        (_, Err(error)) => Err(BenchError::Io("a runtime".into(), error)),
        (Ok(options), Ok(runtime)) => {
            tokio::task::LocalSet::new().block_on(&runtime, bench(&options))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, BenchError> {
    let mut options = Options {
        rounds: 5,
        measure: Duration::from_millis(1200),
        words: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments.next().unwrap_or_default();
            let wrong = format!("{argument} wants a number, not {value:?}");
            let number = value.parse::<f64>().ok();
            number
                .filter(|n| *n > 0.0 && *n <= 600.0)
                .ok_or(BenchError::Other(wrong))
        };
        match &argument[..] {
            // cargo's own.
            "--bench" => {}
            "--quick" => (options.rounds, options.measure) = (3, Duration::from_millis(400)),
            "--rounds" => options.rounds = number()?.ceil() as usize,
            "--seconds" => options.measure = Duration::from_secs_f64(number()?),
            word if word.starts_with('-') => {
                let known =
                    "--quick, --rounds N, --seconds S, and words that a case's name must have";
                return Err(BenchError::Other(format!(
                    "{word} is not known; {known} are"
                )));
            }
            word => options.words.push(word.to_owned()),
        }
    }
    Ok(options)
}

async fn bench(options: &Options) -> Result<(), BenchError> {
    let began = Instant::now();
    let nginx = nginx::Nginx::find()?;
    let cores = cores();
    server::raise_descriptors();
    server::pin(cores.load);
    let upstream = upstream::start()
        .await
        .map_err(BenchError::io("the upstream"))?;
    println!("{}\n", table::preamble(&nginx.path, &cores, options));
    print!("{}", table::HEADER);
    let mut cells = Vec::new();
    for setup in Setup::ALL {
        let wanted: Vec<(Case, usize)> = (setup.cases().into_iter())
            .flat_map(|case| CONNECTIONS.map(|connections| (case, connections)))
            .filter(|(case, connections)| {
                let name = case.name.to_lowercase();
                options.words.iter().all(|word| {
                    word.parse::<usize>().map_or_else(
                        |_| name.contains(&word.to_lowercase()),
                        |n| n == *connections,
                    )
                })
            })
            .collect();
        if wanted.is_empty() {
            continue;
        }
        let pair = [
            Server::nginx(&nginx, setup, upstream, &cores).await?,
            Server::lab(setup, upstream, &cores).await?,
        ];
        for case in setup.cases() {
            for server in &pair {
                load::check(server.address, &case).await?;
            }
        }
        for (case, connections) in wanted {
            let cell = measure(&pair, case, connections, options).await?;
            print!("{}", cell.row());
            cells.push(cell);
        }
    }
    println!("\n{}", table::verdict(&cells));
    println!("{} s in all", began.elapsed().as_secs());
    Ok(())
}

/// All rounds of one case; the order of the two servers changes from round to round.
async fn measure(
    pair: &[Server; 2],
    case: Case,
    connections: usize,
    options: &Options,
) -> Result<Cell, BenchError> {
    let mut cell = Cell::new(case, connections);
    for server in pair {
        server.forget_peak();
    }
    // Void rounds are run again, but not for ever.
    for round in 0..options.rounds + 2 {
        if cell.rounds.len() == options.rounds {
            break;
        }
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        let mut measured: [Option<Measured>; 2] = [None, None];
        for at in order {
            let load = Load {
                address: pair[at].address,
                case,
                connections,
                warm: options.measure / 4,
                measure: options.measure,
            };
            match load.run(&pair[at]).await {
                Ok(result) => measured[at] = Some(result),
                Err(why) => cell.void(pair[at].name, &why),
            }
            pair[at].empty_logs();
        }
        if let [Some(nginx), Some(lab)] = measured {
            cell.rounds.push(Round { nginx, lab });
        }
    }
    cell.peaks = [pair[0].peak_memory()?, pair[1].peak_memory()?];
    Ok(cell)
}
