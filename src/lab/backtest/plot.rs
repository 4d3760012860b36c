//! The report as a picture: recall against false positives, and calibration.

use std::fmt::Write;

use super::{Report, interval};

const SIZE: f64 = 300.0;
const MARGIN: f64 = 50.0;

const BLUE: &str = "#1f77b4";
const RED: &str = "#d62728";

/// An SVG of two plots side by side.
pub fn svg(report: &Report) -> String {
    let (width, height) = (2.0 * SIZE + 4.0 * MARGIN, SIZE + 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    curve(&mut out, report);
    calibration(&mut out, report);
    out.push_str("</svg>\n");
    out
}

/// What is found at each score against what is wrongly flagged, and where the policy stands.
fn curve(out: &mut String, report: &Report) {
    // False positives are rare: a square-root scale up to 5 % keeps them apart.
    let rate = |wrong: f64| (wrong / 0.05).sqrt().min(1.0);
    let ticks = [0.0, 0.0005, 0.005, 0.02, 0.05].map(|wrong| (rate(wrong), format!("{}%", wrong * 100.0)));
    frame(out, MARGIN, "share of abused numbers found, by score", "legitimate numbers flagged", &ticks);
    let points: Vec<_> = report.curve.iter().map(|&(found, wrong)| (rate(wrong), found)).collect();
    line(out, MARGIN, &points, BLUE);
    let (found, wrong) = (&report.positives, &report.legitimate.all);
    let share = |part: u64, of: u64| part as f64 / of.max(1) as f64;
    for (name, found, wrong) in [
        (
            "CHALLENGE or BLOCK",
            share(found.challenge_or_block, found.count),
            share(wrong.challenge_or_block, wrong.count),
        ),
        ("BLOCK", share(found.block, found.count), share(wrong.block, wrong.count)),
    ] {
        let (x, y) = place(MARGIN, (rate(wrong), found));
        let _ = writeln!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{BLUE}\"/>\n\
             <text x=\"{:.0}\" y=\"{:.0}\">{name}: {:.1} %</text>",
            x + 7.0,
            y + 15.0,
            found * 100.0
        );
    }
}

/// Predicted against observed, each with its 95 % interval; few numbers make it long and the dot small.
fn calibration(out: &mut String, report: &Report) {
    let left = SIZE + 3.0 * MARGIN;
    let ticks = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| (share, format!("{share}")));
    frame(out, left, "share that was abused, with 95 % intervals", "predicted", &ticks);
    line(out, left, &[(0.0, 0.0), (1.0, 1.0)], "#cccccc");
    for bin in &report.calibration {
        let (low, high) = interval((bin.observed * bin.count as f64).round() as u64, bin.count);
        line(out, left, &[(bin.predicted, low), (bin.predicted, high)], RED);
        let (x, y) = place(left, (bin.predicted, bin.observed));
        let radius = 2.0 + (bin.count as f64).log10();
        let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"{RED}\"/>");
    }
}

fn place(left: f64, (x, y): (f64, f64)) -> (f64, f64) {
    (left + x * SIZE, MARGIN + (1.0 - y) * SIZE)
}

fn frame(out: &mut String, left: f64, up: &str, along: &str, ticks: &[(f64, String)]) {
    let bottom = MARGIN + SIZE;
    let _ = writeln!(
        out,
        "<rect x=\"{left}\" y=\"{MARGIN}\" width=\"{SIZE}\" height=\"{SIZE}\" fill=\"none\" stroke=\"black\"/>\n\
         <text x=\"{left}\" y=\"{:.0}\">{up}</text>\n<text x=\"{:.0}\" y=\"{:.0}\">{along}</text>",
        MARGIN - 8.0,
        left + SIZE / 2.0 - 30.0,
        bottom + 34.0
    );
    for (x, label) in ticks {
        let x = left + x * SIZE;
        let _ = writeln!(out, "<text x=\"{:.0}\" y=\"{:.0}\">{label}</text>", x - 8.0, bottom + 16.0);
    }
    for y in [0.0, 0.5, 1.0] {
        let _ =
            writeln!(out, "<text x=\"{:.0}\" y=\"{:.0}\">{y}</text>", left - 24.0, bottom - y * SIZE + 4.0);
    }
}

fn line(out: &mut String, left: f64, points: &[(f64, f64)], colour: &str) {
    let points: Vec<String> = points
        .iter()
        .map(|point| {
            let (x, y) = place(left, *point);
            format!("{x:.1},{y:.1}")
        })
        .collect();
    let _ = writeln!(
        out,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
        points.join(" ")
    );
}
