//! From page to page of one run: which address comes next, and when to stop.
//!
//! Must not fetch. Stops where a page brings no new number, at the cap, and at once when blocked;
//! no address is visited twice, and none on another host.

use std::collections::{HashSet, VecDeque};

use url::Url;

use crate::core::number::Number;

use super::definition::Definition;
use super::page::{Page, Verdict};

/// One address of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The address.
    pub url: Url,
    /// Which of the definition's addresses it follows from.
    start: usize,
    /// The how-manieth page it is there, from 1.
    page: u32,
}

/// A run's way through the pages of a feed.
#[derive(Debug)]
pub struct Walk<'d> {
    definition: &'d Definition,
    waiting: VecDeque<Step>,
    visited: HashSet<String>,
    seen: HashSet<Number>,
    /// Pages so far, by the definition's addresses.
    pages: Vec<u32>,
}

impl<'d> Walk<'d> {
    /// Begins at the definition's addresses.
    pub fn new(definition: &'d Definition) -> Self {
        let starts = definition.urls.iter().enumerate();
        Self {
            definition,
            waiting: starts.map(|(start, url)| Step { url: url.clone(), start, page: 1 }).collect(),
            visited: HashSet::new(),
            seen: HashSet::new(),
            pages: vec![0; definition.urls.len()],
        }
    }

    /// The next page to fetch, if any.
    pub fn next_step(&mut self) -> Option<Step> {
        while let Some(step) = self.waiting.pop_front() {
            let count = self.pages.get_mut(step.start)?;
            if *count < self.definition.pages.cap && self.visited.insert(key(&step.url)) {
                *count += 1;
                return Some(step);
            }
        }
        None
    }

    /// Takes what the page of `step` was; answers how many of its numbers are new in this run.
    pub fn took(&mut self, step: &Step, page: &Page) -> usize {
        if matches!(page.verdict, Verdict::Blocked(_)) {
            self.waiting.clear();
            return 0;
        }
        let new = page.rows.iter().filter(|row| self.seen.insert(row.number)).count();
        if new > 0 {
            let template = self.definition.pages.template.as_deref();
            let templated = template.and_then(|template| self.templated(template, step));
            let host = step.url.host_str();
            let linked = page.next.iter().filter(|url| url.host_str() == host).cloned();
            for url in templated.into_iter().chain(linked) {
                if !self.visited.contains(&key(&url)) {
                    self.waiting.push_back(Step { url, start: step.start, page: step.page + 1 });
                }
            }
        }
        new
    }

    /// How many pages were fetched.
    pub fn pages(&self) -> u32 {
        self.pages.iter().sum()
    }

    fn templated(&self, template: &str, step: &Step) -> Option<Url> {
        let start = self.definition.urls.get(step.start)?;
        let page = (step.page + 1).to_string();
        let text = template.replace("{start}", start.as_str().trim_end_matches('/')).replace("{page}", &page);
        Url::parse(&text).ok().filter(|url| url.host_str() == start.host_str())
    }
}

/// An address as it is compared: sites write `/us/` and `/US/2/` for pages of one list.
fn key(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    url.as_str().trim_end_matches('/').to_lowercase()
}
