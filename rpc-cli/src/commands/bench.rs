//! `wherever bench`: what calls of one method cost on a live cluster, in time.

mod histogram;
mod load;
mod template;
mod way;

use std::io::{self, IsTerminal};
use std::rc::Rc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use rpc_core::Executed;
use serde::Serialize;
use tokio::task::LocalSet;

use self::load::{Pace, Ran};
use self::template::Template;
use self::way::{Frames, Way};
use crate::failure::{Exit, Failure};
use crate::json;
use crate::node::Node;
use crate::options::{EXIT_STATUSES, Options};
use crate::terminal::Screen;

/// Most calls without an answer: what a node takes from all its callers.
const MOST_IN_FLIGHT: usize = 10_000;

/// Between two looks at the progress bar.
const LOOK: Duration = Duration::from_millis(100);

/// Widest bar of the picture, in characters.
const WIDTH: u64 = 40;

const EXAMPLES: &str = "\
By frames, calls go to the owner of each key, as a program's own do; by post, all of them go through the one node named. In the arguments {i} is
the call's number, {i%N} counts from 0 to N-1 again and again, {random%N} is a number below N. With --rate, a call's time counts from when it was
due, so that a node that stalls cannot hide it; without, each of the callers waits for its answer before it calls again.
It really calls: take a method that may be called that often.

Examples:
  wherever bench Counter.get '{\"key\":\"user-{i%100000}\"}' --node http://127.0.0.1:7001
  wherever bench Counter.incr '[\"user-{random%1000}\"]' --in-flight 256 --seconds 30
  wherever bench Counter.get '[\"a\"]' --rate 5000       open loop
  wherever bench Counter.get '[\"a\"]' --transport post --json";

/// Call a method again and again and show how long the calls take
#[derive(Args, Debug)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_STATUSES}"))]
pub(crate) struct Bench {
    /// The method, as `wherever services` lists it
    #[arg(value_name = "SERVICE.METHOD", value_parser = super::call::parse_method)]
    method: String,
    /// Its arguments: a JSON object (by name) or array (by position), with places for numbers
    params: Option<String>,
    /// Calls in flight; with --rate the most that may have no answer
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_IN_FLIGHT as u64))]
    in_flight: Option<u64>,
    /// Calls a second, whatever became of earlier ones (an open loop)
    #[arg(long, value_name = "CALLS", value_parser = parse_rate)]
    rate: Option<f64>,
    /// How long to call
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = parse_seconds)]
    seconds: f64,
    /// How long to call before that without counting
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = parse_seconds)]
    warm_up: f64,
    /// How the calls travel
    #[arg(long, value_enum, default_value_t = Transport::Frames)]
    transport: Transport,
}

/// How the calls travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Transport {
    /// Frames, to the owner of each key
    Frames,
    /// Requests by HTTP, through the node named
    Post,
}

impl Bench {
    pub(crate) async fn run(&self, options: &Options, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let node = Node::named(options)?;
        let mut template = Template::parse(self.params.as_deref().unwrap_or_default()).map_err(Failure::Usage)?;
        // Also by post: a method that nobody knows is not called a million times.
        let view = node.view().await?;
        let address = options.node.as_deref().unwrap_or_default();
        let way = Rc::new(match self.transport {
            Transport::Frames => {
                Way::Frames(Box::new(Frames::to(address, &view, &self.method, options.answer_time())?))
            }
            Transport::Post => Way::Post(Box::new(node), self.method.clone()),
        });
        let ran = LocalSet::new().run_until(self.measure(&way, &mut template, screen)).await;
        if let Way::Frames(frames) = &*way {
            frames.end().await;
        }
        self.show(screen, &ran)?;
        verdict(&ran)
    }

    async fn measure(&self, way: &Rc<Way>, template: &mut Template, screen: &Screen<'_>) -> Ran {
        let is_seen = screen.narrow && !screen.json && io::stderr().is_terminal();
        let bar = if is_seen { ProgressBar::new(0).with_style(style()) } else { ProgressBar::hidden() };
        let mut first = 0;
        let _not_counted = self.round("warming up", self.warm_up, way, template, &mut first, &bar).await;
        let ran = self.round("measuring", self.seconds, way, template, &mut first, &bar).await;
        bar.finish_and_clear();
        ran
    }

    async fn round(
        &self,
        what: &str,
        seconds: f64,
        way: &Rc<Way>,
        template: &mut Template,
        first: &mut u64,
        bar: &ProgressBar,
    ) -> Ran {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let time = Duration::from_secs_f64(seconds);
        bar.set_length(millis(time));
        let mut looked = Duration::ZERO;
        let seen = |ended: u64, elapsed: Duration| {
            if elapsed.saturating_sub(looked) >= LOOK {
                looked = elapsed;
                bar.set_position(millis(elapsed));
                bar.set_message(format!("{what}: {:.0} calls/s", ended as f64 / elapsed.as_secs_f64()));
            }
        };
        load::run(way, template, first, self.pace(), time, seen).await
    }

    fn pace(&self) -> Pace {
        let in_flight = self.in_flight.and_then(|most| usize::try_from(most).ok());
        match self.rate {
            Some(rate) => Pace::Open { rate, most: in_flight.unwrap_or(MOST_IN_FLIGHT) },
            None => Pace::Closed { callers: in_flight.unwrap_or(64) },
        }
    }

    fn show(&self, screen: &mut Screen<'_>, ran: &Ran) -> Result<(), Failure> {
        let report = Report::of(self, ran);
        if screen.json {
            return Ok(json::write_line(screen.out, &report)?);
        }
        let (calls, failed) = (ran.calls(), ran.failed());
        writeln!(
            screen.out,
            "{calls} calls of {} in {:.1} s: {:.0} calls/s, {failed} failed",
            self.method, report.seconds, report.calls_per_second
        )?;
        if ran.held_back > 0 {
            writeln!(screen.out, "{} began late: as many as may be had no answer (--in-flight)", ran.held_back)?;
        }
        for failure in &report.failures {
            let line = format!("  {} × {}, executed: {}", failure.count, failure.kind, failure.executed);
            writeln!(screen.out, "{}", screen.paint.red(&line))?;
        }
        if ran.times.count() == 0 {
            return Ok(());
        }
        writeln!(screen.out)?;
        let rows = [("p50", 500), ("p90", 900), ("p99", 990), ("p99.9", 999), ("longest", 1000)];
        screen
            .table(["WITHIN", "TIME"], rows.map(|(name, share)| [name.to_owned(), shown(ran.times.within(share))]))?;
        writeln!(screen.out)?;
        picture(screen, ran)
    }
}

/// How many calls took about how long.
fn picture(screen: &mut Screen<'_>, ran: &Ran) -> Result<(), Failure> {
    let ends = ends(ran.times.within(1), ran.times.longest());
    let counts = ran.times.between(&ends);
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    for (end, count) in ends.into_iter().zip(counts) {
        // What is there at all is seen.
        let length = (count * WIDTH).div_ceil(most);
        let bar = "█".repeat(usize::try_from(length).unwrap_or_default());
        writeln!(screen.out, "≤ {:>9} {:>9} {}", shown(end), count, screen.paint.coloured(0, &bar))?;
    }
    Ok(())
}

/// Ends of rows from the shortest to the longest time: 1, 2, 5, 10, … of a unit.
fn ends(shortest: Duration, longest: Duration) -> Vec<Duration> {
    let mut ends = Vec::new();
    let mut unit = Duration::from_nanos(100);
    while ends.last().is_none_or(|end| *end < longest) {
        ends.extend([1, 2, 5].map(|times| unit * times).into_iter().filter(|end| *end >= shortest));
        unit *= 10;
    }
    let needed = ends.partition_point(|end| *end < longest) + 1;
    ends.truncate(needed);
    ends
}

fn shown(time: Duration) -> String {
    match time.as_nanos() {
        0..1_000_000 => format!("{:.1} µs", time.as_secs_f64() * 1e6),
        1_000_000..1_000_000_000 => format!("{:.2} ms", time.as_secs_f64() * 1e3),
        _ => format!("{:.2} s", time.as_secs_f64()),
    }
}

/// What the exit status says: nothing failed, or the worst that did.
fn verdict(ran: &Ran) -> Result<(), Failure> {
    let worst = ran.failures.keys().map(|(kind, executed)| (kind, *executed)).max_by_key(|(kind, executed)| {
        let is_provider = *kind == way::PROVIDER;
        (!is_provider, *executed != Executed::No)
    });
    let Some((kind, executed)) = worst else { return Ok(()) };
    let exit = match executed {
        _ if kind == way::PROVIDER => Exit::Failed,
        Executed::No => Exit::Refused,
        _ => Exit::Maybe,
    };
    Err(Failure::Told(exit))
}

/// A run, for scripts; times in microseconds.
#[derive(Serialize)]
struct Report<'a> {
    method: &'a str,
    transport: Transport,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    in_flight: usize,
    seconds: f64,
    calls: u64,
    failed: u64,
    held_back: u64,
    calls_per_second: f64,
    mean_us: f64,
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    p99_9_us: f64,
    longest_us: f64,
    failures: Vec<Counted<'a>>,
}

#[derive(Serialize)]
struct Counted<'a> {
    kind: &'a str,
    executed: Executed,
    count: u64,
}

impl<'a> Report<'a> {
    fn of(bench: &'a Bench, ran: &'a Ran) -> Self {
        let micros = |time: Duration| (time.as_secs_f64() * 1e7).round() / 10.0;
        let counted =
            |((kind, executed), count): (&'a way::Failed, &u64)| Counted { kind, executed: *executed, count: *count };
        Self {
            method: &bench.method,
            transport: bench.transport,
            rate: bench.rate,
            in_flight: bench.pace().most(),
            seconds: ran.took.as_secs_f64(),
            calls: ran.calls(),
            failed: ran.failed(),
            held_back: ran.held_back,
            calls_per_second: ran.calls() as f64 / ran.took.as_secs_f64().max(f64::MIN_POSITIVE),
            mean_us: micros(ran.times.mean()),
            p50_us: micros(ran.times.within(500)),
            p90_us: micros(ran.times.within(900)),
            p99_us: micros(ran.times.within(990)),
            p99_9_us: micros(ran.times.within(999)),
            longest_us: micros(ran.times.longest()),
            failures: ran.failures.iter().map(counted).collect(),
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40.cyan/dim} {elapsed} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "write seconds, such as 10 or 0.5".to_owned())?;
    if (0.0..=86_400.0).contains(&seconds) { Ok(seconds) } else { Err("from 0 to 86400 seconds".to_owned()) }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "write calls a second, such as 5000".to_owned())?;
    if (0.001..=10_000_000.0).contains(&rate) {
        Ok(rate)
    } else {
        Err("from 0.001 to 10000000 calls a second".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_the_picture_hold_every_time() {
        for (shortest, longest) in [(0, 1), (50, 50), (3_000, 7_000_000), (1, 900_000_000_000)] {
            let ends = ends(Duration::from_nanos(shortest), Duration::from_nanos(longest));
            assert!(ends.is_sorted() && ends.last().expect("one") >= &Duration::from_nanos(longest));
            assert!(ends.len() <= 40, "{}", ends.len());
        }
    }
}
