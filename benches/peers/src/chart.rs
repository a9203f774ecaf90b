//! The plot: calls per second and CPU per call of each peer, as two columns of bars in an SVG that needs nothing else, on light and dark pages.

use std::fmt::Write;

use crate::measure::{Measured, Pace};
use crate::peers::Peer;
use crate::rounds::{Figure, Rounds};

/// The load that is drawn.
pub const PACE: Pace = Pace::Closed(64);

/// Pixels.
const WIDTH: usize = 910;
const NAMES: usize = 270;
const BARS: usize = 250;
const FIGURES: usize = 60;
const ROW: usize = 26;
const BAR: usize = 16;
const TOP: usize = 64;
const BOTTOM: usize = 30;

/// Colours on a light page, and on a dark one. Ours have one of their own, and so has what is not a framework but the limit.
const STYLE: &str = "\
text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1f2328}\
.title{font-weight:600}.small{font-size:12px;fill:#59636e}\
.ours{fill:#0969da}.limit{fill:#8c959f}.peer{fill:#c3cad1}text.ours{font-weight:600}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}\
.ours{fill:#4493f8}.limit{fill:#7d8590}.peer{fill:#484f58}}";

/// One column of bars.
struct Column {
    title: &'static str,
    figure: Figure,
    /// How a figure is written.
    shown: fn(f64) -> String,
    left: usize,
}

/// Draws these rounds, the peer with the most calls on top. Calls that stay in their process are not drawn beside those that travel.
pub fn draw(rounds: &Rounds) -> String {
    let mut peers: Vec<Peer> = rounds.peers.iter().copied().filter(|peer| *peer != Peer::Local).collect();
    let calls = |peer: &Peer| rounds.median(*peer, |measured| measured.calls_per_second).unwrap_or(0.0);
    peers.sort_by(|a, b| calls(b).total_cmp(&calls(a)));
    let columns = [
        Column {
            title: "Thousand calls per second (more is better)",
            figure: |measured| measured.calls_per_second,
            shown: |figure| format!("{:.0}", figure / 1e3),
            left: NAMES,
        },
        Column {
            title: "CPU per call, both ends, µs (less is better)",
            figure: Measured::cpu,
            shown: |figure| format!("{figure:.1}"),
            left: NAMES + BARS + FIGURES + 20,
        },
    ];
    let height = TOP + ROW * peers.len() + BOTTOM;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>Calls per second and CPU per call, by framework</title>\n<style>{STYLE}</style>\n"
    );
    text(&mut svg, (0, 18), "title", &format!("{PACE}, {} bytes each way", rounds.load.payload));
    for (row, peer) in peers.iter().enumerate() {
        let class = if peer.is_ours() { "ours" } else { "" };
        text(&mut svg, (0, baseline(row)), class, peer.title());
    }
    for column in &columns {
        column.draw(&mut svg, rounds, &peers);
    }
    let how = format!(
        "Server and client as two processes on one machine of two cores, over 127.0.0.1; medians of {} rounds in turn.",
        rounds.count()
    );
    text(&mut svg, (0, height - 8), "small", &how);
    svg + "</svg>\n"
}

impl Column {
    fn draw(&self, svg: &mut String, rounds: &Rounds, peers: &[Peer]) {
        text(svg, (self.left, 48), "small", self.title);
        let figures: Vec<f64> = peers.iter().map(|peer| rounds.median(*peer, self.figure).unwrap_or(0.0)).collect();
        let most = figures.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        for (row, (peer, figure)) in peers.iter().zip(figures).enumerate() {
            let (left, top, width) = (self.left, TOP + ROW * row + (ROW - BAR) / 2, figure / most * BARS as f64);
            let class = class(*peer);
            let _infallible = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\"/>"
            );
            text(svg, (left + width as usize + 6, baseline(row)), "", &(self.shown)(figure));
        }
    }
}

fn class(peer: Peer) -> &'static str {
    match peer {
        Peer::Raw | Peer::RawJson => "limit",
        peer if peer.is_ours() => "ours",
        _ => "peer",
    }
}

fn baseline(row: usize) -> usize {
    TOP + ROW * row + ROW / 2 + 5
}

fn text(svg: &mut String, (left, bottom): (usize, usize), class: &str, text: &str) {
    let _infallible = writeln!(svg, "<text class=\"{class}\" x=\"{left}\" y=\"{bottom}\">{text}</text>");
}
