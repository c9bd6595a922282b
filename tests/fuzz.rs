//! Fuzzes what reads bytes of strangers, on the stable toolchain: children of a corpus, kept when they do something new.
//!
//! `FUZZ_SECONDS` (60): for all targets together. `FUZZ_INPUTS`: so many inputs for each target instead. `FUZZ_SEED`: to repeat a run; it is
//! printed. An input that fails is printed shrunk, in the notation of `tests/corpus`; it belongs there.

#[path = "common/mutator.rs"]
mod mutator;
#[path = "common/notation.rs"]
mod notation;
#[path = "common/wire_checks/mod.rs"]
mod wire_checks;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mutator::{Random, mutate, shrink};
use notation::decode;

struct Target {
    name: &'static str,
    /// One input a line; in a table the given column.
    corpus: &'static [(&'static str, usize)],
    tokens: &'static [&'static [u8]],
    /// Panics if a promise is broken; the number says what kind of input it was.
    check: fn(&[u8], &[usize], u8) -> u64,
}

const TARGETS: [Target; 3] = [
    Target {
        name: "request heads",
        corpus: &[
            (include_str!("corpus/requests.txt"), 0),
            (include_str!("data/request_heads.tsv"), 1),
        ],
        tokens: &[
            b"\r\n",
            b"\n",
            b"\r",
            b" ",
            b"\t",
            b"\0",
            b":",
            b"/",
            b"?",
            b"#",
            b"%",
            b"%2e",
            b"%2f",
            b"%00",
            b"%25",
            b"..",
            b"/../",
            b"//",
            b"GET ",
            b"POST ",
            b"HEAD ",
            b"http://h",
            b"[::1]",
            b":80",
            b" HTTP/1.1\r\n",
            b" HTTP/1.0\r\n",
            b"HTTP/",
            b"Host: a\r\n",
            b"Content-Length: 1\r\n",
            b"Content-Length: ",
            b"Transfer-Encoding: chunked\r\n",
            b"Connection: close\r\n",
            b"Connection: keep-alive\r\n",
            b"Expect: 100-continue\r\n",
            b"User-Agent: MSIE 6.0",
            b"X_Y: z\r\n",
            b"9223372036854775807",
            b"\xff",
            b"\x7f",
            b"\r\n\r\n",
        ],
        check: wire_checks::check_request,
    },
    Target {
        name: "answer heads",
        corpus: &[
            (include_str!("corpus/answers.txt"), 0),
            (include_str!("data/answer_heads.tsv"), 0),
        ],
        tokens: &[
            b"\r\n",
            b"\n",
            b"\r",
            b" ",
            b"\t",
            b"\0",
            b":",
            b"/",
            b"HTTP/1.1 ",
            b"HTTP/1.0 ",
            b"HTTP/",
            b"200",
            b" OK",
            b"404.1",
            b"Server: x\r\n",
            b"Content-Length: 5\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Connection: close\r\n",
            b"Set-Cookie: a=b\r\n",
            b"@: x\r\n",
            b"\xff",
            b"\x7f",
            b"\r\n\r\n",
        ],
        check: |input, cuts, _| wire_checks::check_answer(input, cuts),
    },
    Target {
        name: "chunked bodies",
        corpus: &[
            (include_str!("corpus/chunks.txt"), 0),
            (include_str!("data/chunks.tsv"), 0),
        ],
        tokens: &[
            b"\r\n",
            b"\n",
            b"\r",
            b"0",
            b"1",
            b"4",
            b"a",
            b"F",
            b"ffffffff",
            b"7ffffffffffffff",
            b"0\r\n\r\n",
            b"4\r\nbody\r\n",
            b";a=b",
            b"; ",
            b"\t",
            b"X: y\r\n",
            b"\0",
            b"10\r\n0123456789abcdef\r\n",
        ],
        check: |input, cuts, _| wire_checks::check_chunks(input, cuts),
    },
];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}"))
    })
}

/// An input again in the notation.
fn encode(input: &[u8]) -> String {
    input
        .escape_ascii()
        .to_string()
        .replace("\\'", "'")
        .replace("\\\"", "\"")
}

#[derive(Clone, Copy)]
enum Budget {
    Time(Duration),
    Inputs(u64),
}

impl Budget {
    fn is_spent(self, since: Instant, inputs: u64) -> bool {
        match self {
            // the clock is looked at now and then
            Budget::Time(time) => inputs.is_multiple_of(64) && since.elapsed() >= time,
            Budget::Inputs(most) => inputs >= most,
        }
    }
}

fn run(target: &Target, budget: Budget, seed: u64) {
    let mut random = Random(seed);
    let mut pool: Vec<Vec<u8>> = target
        .corpus
        .iter()
        .flat_map(|(text, column)| {
            text.lines()
                .filter(|line| !line.starts_with('#'))
                .filter_map(move |line| line.split('\t').nth(*column).map(decode))
        })
        .collect();
    let given = pool.len();
    assert!(given > 0, "{} has a corpus", target.name);
    let mut seen = HashSet::new();
    let since = Instant::now();
    let mut inputs = 0;
    while !budget.is_spent(since, inputs) {
        let input = match pool.get(inputs as usize) {
            Some(input) if (inputs as usize) < given => input.clone(),
            _ => mutate(&mut random, &pool, target.tokens),
        };
        let cuts: Vec<usize> = (0..random.below(5))
            .map(|_| random.next() as usize)
            .collect();
        let variant = random.next() as u8;
        let attempt =
            |input: &[u8]| catch_unwind(AssertUnwindSafe(|| (target.check)(input, &cuts, variant)));
        match attempt(&input) {
            Ok(kind) => {
                if seen.insert(kind) && pool.len() < 20_000 && input.len() < 12_000 {
                    pool.push(input);
                }
            }
            Err(_) => {
                let small = shrink(input, |less| attempt(less).is_err());
                panic!(
                    "{}: seed {seed}, input {inputs}, cuts {cuts:?}, variant {variant}:\n{}",
                    target.name,
                    encode(&small)
                );
            }
        }
        inputs += 1;
    }
    println!(
        "{}: {inputs} inputs in {:.1} s, {} of {} kinds beyond the corpus",
        target.name,
        since.elapsed().as_secs_f64(),
        pool.len() - given,
        seen.len()
    );
}

#[test]
fn fuzz() {
    let clock = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |d| d.as_nanos() as u64);
    let seed = number("FUZZ_SEED").unwrap_or(clock);
    println!("FUZZ_SEED={seed}");
    let budget = match number("FUZZ_INPUTS") {
        Some(inputs) => Budget::Inputs(inputs),
        None => Budget::Time(
            Duration::from_secs(number("FUZZ_SECONDS").unwrap_or(60)) / TARGETS.len() as u32,
        ),
    };
    for target in &TARGETS {
        run(target, budget, seed);
    }
}
