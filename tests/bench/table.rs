//! The table of figures, and how they are taken: medians and interleaved pairs.

use std::time::Instant;

#[derive(Default)]
pub(crate) struct Table(Vec<[String; 3]>);

impl Table {
    pub(crate) fn row(&mut self, figure: impl ToString, measured: impl ToString, must: impl ToString) {
        let row = [figure.to_string(), measured.to_string(), must.to_string()];
        // Told at once as well: a later group may take long, or fail.
        eprintln!("  {}", row.join(" | "));
        self.0.push(row);
    }

    pub(crate) fn print(&self) {
        println!("| figure | measured | must |\n|---|---|---|");
        for [figure, measured, must] in &self.0 {
            println!("| {figure} | {measured} | {must} |");
        }
    }
}

/// Seconds that `work` takes.
pub(crate) fn seconds(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs two kinds of work in turn and answers the medians of both and of their ratios a/b.
pub(crate) fn pairs(runs: usize, mut a: impl FnMut() -> f64, mut b: impl FnMut() -> f64) -> (f64, f64, f64) {
    let measured: Vec<(f64, f64)> = (0..runs).map(|_| (a(), b())).collect();
    let ratios = measured.iter().map(|(a, b)| a / b).collect();
    (
        median(measured.iter().map(|m| m.0).collect()),
        median(measured.iter().map(|m| m.1).collect()),
        median(ratios),
    )
}
