//! Feeds: every shipped definition against a mirror of its site, every hazard by name, arbitrary bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod definitions;
mod fuzz;
mod hazards;
mod hazards_of_pages;
mod holders;
#[allow(dead_code, unused_imports)]
mod mirror;
mod properties;
mod sites;
mod walks;

use std::sync::LazyLock;

use numguard::feed::{Catalogue, Definition, Page, ReadOptions};
use url::Url;

/// What is shipped.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::new(&[]).unwrap());

/// A shipped definition.
fn shipped(name: &str) -> Definition {
    CATALOGUE.get(name).unwrap_or_else(|| panic!("{name} is not shipped")).definition.clone()
}

/// Reads the mirror's page with a shipped definition.
fn read(name: &str, address: &str) -> Page {
    let url = Url::parse(address).unwrap();
    let answer = mirror::answer(url.host_str().unwrap(), &url[url::Position::BeforePath..]);
    shipped(name).read(&url, &answer.body, ReadOptions::default()).unwrap()
}

/// Reads a page with a definition of one layout whose rows are `div.n`, with `more` in `[[html]]`.
fn read_with(more: &str, body: &str) -> Page {
    inline(more)
        .read(&Url::parse("https://example.org/list").unwrap(), body.as_bytes(), ReadOptions::default())
        .unwrap()
}

fn inline(more: &str) -> Definition {
    Definition::parse("example.toml", &definitions_text("urls = [\"https://example.org/list\"]", more))
        .unwrap()
}

/// A definition of one layout whose rows are `div.n`; `more` begins inside of `[[html]]`, where the
/// number is in `b` if it does not say otherwise.
fn definitions_text(urls: &str, more: &str) -> String {
    let number = if more.contains("number =") { "" } else { "number = { select = \"b\" }\n" };
    format!(
        "name = \"example\"\ntitle = \"Example\"\ngroup = \"example\"\nterms = \"none\"\ndefault_region = \"US\"\n{urls}\n\
         interval_minutes = 60\nband = {{ min = 1, max = 9 }}\ncontacts = [\"+12025550199\"]\n\
         [[html]]\nrows = \"div.n\"\n{number}{more}\n"
    )
}

/// The numbers of a page.
fn numbers(page: &Page) -> Vec<String> {
    page.rows.iter().map(|row| row.number.as_e164()).collect()
}

/// Why rows were left out, in order.
fn reasons(page: &Page) -> Vec<&'static str> {
    page.dropped.iter().map(|dropped| dropped.reason.as_str()).collect()
}
