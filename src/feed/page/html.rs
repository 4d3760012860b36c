//! HTML pages, streamed once for all layouts of a definition: linear, in bounded memory.
//!
//! The first layout with numbers in its rows is read, or else the first with rows. No rows: blocked, empty or changed, by the
//! signs and the frame. Scripts, styles, comments and attributes that nobody asked for hold no rows.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use lol_html::errors::RewritingError;
use lol_html::html_content::{Element, EndTag, TextChunk, TextType};
use lol_html::{ElementContentHandlers, HtmlRewriter, LocalHandlerTypes, MemorySettings, Selector, Settings};
use url::Url;

use super::super::definition::{Css, Definition, HtmlShape};
use super::admit::Admission;
use super::html_row::{Gathered, Slot, slots};
use super::{Page, PageError, Verdict, entities, signs};

/// Memory of the parser's stack and buffers: some 20,000 open elements.
const MEMORY: usize = 4 << 20;

/// The most links that are looked at for further pages.
const MOST_LINKS: usize = 2_000;

/// Where numbers are the site's own, even in an element that looks like a row.
const OUTSIDE: [&str; 3] = ["header", "footer", "nav"];

type Handlers = ElementContentHandlers<'static, LocalHandlerTypes>;

pub(super) fn read(
    shapes: &[HtmlShape],
    url: &Url,
    body: &[u8],
    mut admission: Admission<'_>,
) -> Result<Page, PageError> {
    let definition = admission.definition();
    let scan = Scan::run(definition, shapes, body)?;
    let mut there = shapes.iter().zip(&scan.layouts).filter(|(_, rows)| !rows.borrow().is_empty());
    let first = there.clone().next();
    let Some((shape, rows)) = there.find(|(_, rows)| rows.borrow().has_numbers()).or(first) else {
        let verdict = scan.without_rows(definition, body);
        return Ok(admission.refuse(verdict));
    };
    let rows = rows.borrow();
    for candidate in rows.candidates(shape) {
        admission.offer(&candidate)?;
    }
    if rows.has_too_many() {
        return Err(PageError::TooManyRows);
    }
    let mut page = admission.finish();
    page.next = further(definition, url, &scan.links.borrow());
    Ok(page)
}

/// What one pass over the page found.
#[derive(Default)]
struct Scan {
    layouts: Vec<Rc<RefCell<Gathered>>>,
    /// Whether the frame of some layout is there.
    frame: Rc<RefCell<bool>>,
    /// The first element that only a blocked page has.
    sign: Rc<RefCell<Option<String>>>,
    links: Rc<RefCell<Vec<String>>>,
}

impl Scan {
    fn run(definition: &Definition, shapes: &[HtmlShape], body: &[u8]) -> Result<Self, PageError> {
        let mut scan = Self::default();
        let memory = MemorySettings::new().with_max_allowed_memory_usage(MEMORY);
        let mut settings = Settings::new().with_memory_settings(memory).with_strict(false);
        let mut on = |selector: &str, handlers: Handlers| {
            // Selectors were checked with the definition; joined ones are descendants of them.
            if let Ok(selector) = selector.parse::<Selector>() {
                let taken = std::mem::replace(&mut settings, Settings::new());
                settings = taken.append_element_content_handler((Cow::Owned(selector), handlers));
            }
        };
        for shape in shapes {
            let rows = Rc::new(RefCell::new(Gathered::default()));
            scan.layouts.push(Rc::clone(&rows));
            if let Some(frame) = &shape.frame {
                let seen = Rc::clone(&scan.frame);
                on(frame.as_str(), element(move |_| *seen.borrow_mut() = true));
            }
            layout(shape, &rows, &mut on);
        }
        for sign in &definition.blocked.selectors {
            let (seen, name) = (Rc::clone(&scan.sign), sign.as_str().to_owned());
            on(sign.as_str(), element(move |_| *seen.borrow_mut() = Some(name.clone())));
        }
        if let Some(follow) = &definition.pages.follow {
            let links = Rc::clone(&scan.links);
            on(
                follow.as_str(),
                element(move |link| {
                    let mut links = links.borrow_mut();
                    if let Some(href) = link.get_attribute("href").filter(|_| links.len() < MOST_LINKS) {
                        links.push(entities::decode(&href));
                    }
                }),
            );
        }
        let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| {});
        let read = rewriter.write(body).and_then(|()| rewriter.end());
        match read {
            Ok(()) => Ok(scan),
            Err(RewritingError::MemoryLimitExceeded(_)) => Err(PageError::TooMuchMemory),
            // Not strict, and no handler of ours fails: the page ends here.
            Err(_) => Ok(scan),
        }
    }

    fn without_rows(&self, definition: &Definition, body: &[u8]) -> Verdict {
        let sign = self.sign.borrow_mut().take().or_else(|| signs::phrase(definition, body));
        match sign {
            Some(sign) => Verdict::Blocked(sign),
            None if *self.frame.borrow() => Verdict::Empty,
            None => Verdict::LayoutChanged("no row of any layout, and not the frame of one".to_owned()),
        }
    }
}

/// Registers what one layout looks at.
fn layout(shape: &HtmlShape, rows: &Rc<RefCell<Gathered>>, on: &mut impl FnMut(&str, Handlers)) {
    let all = slots(shape);
    let (inside, own): (Vec<Slot<'_>>, Vec<Slot<'_>>) =
        all.into_iter().partition(|slot| slot.select.is_some());
    let container = shape.rows.as_str();

    let own_slots: Vec<(usize, Option<String>)> =
        own.iter().map(|slot| (slot.at, slot.attribute.map(str::to_owned))).collect();
    let (begin, gather) = (Rc::clone(rows), Rc::clone(rows));
    let texts: Vec<usize> = own.iter().filter(|slot| slot.attribute.is_none()).map(|slot| slot.at).collect();
    let handlers = element(move |element| {
        let mut rows = begin.borrow_mut();
        let serial = rows.begin(element.source_location().bytes().start);
        for (slot, attribute) in &own_slots {
            let attribute = attribute.as_ref().map(|name| element.get_attribute(name));
            rows.found(*slot, attribute);
        }
        let ended = Rc::clone(&begin);
        at_end(element, move || ended.borrow_mut().end(serial));
    });
    on(
        container,
        handlers.text(move |chunk: &mut TextChunk<'_>| {
            for slot in &texts {
                gather_text(&gather, *slot, chunk);
            }
            Ok(())
        }),
    );
    for outside in OUTSIDE {
        let rows = Rc::clone(rows);
        on(
            &format!("{outside} {container}"),
            element(move |element| {
                rows.borrow_mut().stands_outside(element.source_location().bytes().start);
            }),
        );
    }
    for slot in inside {
        let select = format!("{container} {}", slot.select.map_or("*", Css::as_str));
        value(slot, &select, rows, on);
    }
    for slot in own.into_iter().filter(|slot| slot.without.is_some()) {
        hidden(slot, container, rows, on);
    }
}

/// Registers one value inside the row.
fn value(slot: Slot<'_>, select: &str, rows: &Rc<RefCell<Gathered>>, on: &mut impl FnMut(&str, Handlers)) {
    let (at, attribute) = (slot.at, slot.attribute.map(str::to_owned));
    let (found, gather) = (Rc::clone(rows), Rc::clone(rows));
    let handlers = element(move |element| {
        let attribute = attribute.as_ref().map(|name| element.get_attribute(name));
        let begun = found.borrow_mut().found(at, attribute);
        if let Some(serial) = begun {
            let ended = Rc::clone(&found);
            at_end(element, move || ended.borrow_mut().end_text(at, serial));
        }
    });
    if slot.attribute.is_some() {
        on(select, handlers);
        return;
    }
    on(
        select,
        handlers.text(move |chunk: &mut TextChunk<'_>| {
            gather_text(&gather, at, chunk);
            Ok(())
        }),
    );
    hidden(slot, select, rows, on);
}

/// Registers elements whose text does not count.
fn hidden(slot: Slot<'_>, select: &str, rows: &Rc<RefCell<Gathered>>, on: &mut impl FnMut(&str, Handlers)) {
    let Some(without) = slot.without else { return };
    let (rows, at) = (Rc::clone(rows), slot.at);
    on(
        &format!("{select} {}", without.as_str()),
        element(move |element| {
            if element.can_have_content() {
                let serial = rows.borrow_mut().hide(at);
                let shown = Rc::clone(&rows);
                at_end(element, move || shown.borrow_mut().show(at, serial));
            }
        }),
    );
}

fn gather_text(rows: &Rc<RefCell<Gathered>>, slot: usize, chunk: &TextChunk<'_>) {
    if chunk.text_type() == TextType::Data {
        rows.borrow_mut().text(slot, chunk.as_str(), chunk.last_in_text_node());
    }
}

/// Handlers of one element, none of which fails.
fn element(mut each: impl FnMut(&mut Element<'_, '_>) + 'static) -> Handlers {
    ElementContentHandlers::default().element(move |element: &mut Element<'_, '_>| {
        each(element);
        Ok(())
    })
}

/// Does something at the end tag; elements that have none are over at once.
fn at_end(element: &mut Element<'_, '_>, then: impl FnOnce() + 'static) {
    if let Some(handlers) = element.end_tag_handlers() {
        handlers.push(Box::new(move |_: &mut EndTag<'_>| {
            then();
            Ok(())
        }));
    }
}

/// The links that the definition allows: same host, not the page itself, and no inbox page.
fn further(definition: &Definition, url: &Url, links: &[String]) -> Vec<Url> {
    let mut found: Vec<Url> = Vec::new();
    let Some(only) = &definition.pages.only else { return found };
    for link in links {
        let Ok(mut link) = url.join(link.trim()) else { continue };
        link.set_fragment(None);
        let path = &link[url::Position::BeforePath..];
        let listing = only.is_in(path) && !names_a_number(path);
        if link.origin() == url.origin() && listing && link != *url && !found.contains(&link) {
            found.push(link);
        }
    }
    found
}

/// Seven digits in a row: the page of one number, whatever the definition says.
fn names_a_number(path: &str) -> bool {
    path.as_bytes().windows(7).any(|seven| seven.iter().all(u8::is_ascii_digit))
}
