//! Checks the architecture: which room may import which, that the core stays pure, that imports among files run in no
//! circle, that each crate is named only where it belongs, and that every file says what it is for and stays readable.
//!
//! The rules read tokens, not text: comments, strings and test items do not count, everything else does, wherever it
//! is in a file. Builds with std alone (`rustc --test tests/architecture.rs`, in any edition from 2015 on).

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Rooms, and the rooms that each may import. A file belongs to the longest name that its path begins with. A room that
/// is listed under another one is imported by its own name: `rpc` says nothing of `rpc/wire`. Only rooms that list
/// `clock` may read the wall clock; all others get the time as an argument.
#[rustfmt::skip] // a line a room
const ROOMS: &[(&str, &[&str])] = &[
    ("core/number", &[]),
    ("core/listing", &["core/number"]),
    ("core/allocation", &["core/number", "core/listing"]),
    ("core/index", &["core/number", "core/listing", "core/allocation"]),
    ("core/signal", &["core/number", "core/listing", "core/allocation", "core/index"]),
    ("core/policy", &["core/number", "core/listing", "core/index", "core/signal"]),
    ("core/burst", &["core/number", "core/listing", "core/signal"]),
    ("core/check", &["core/number", "core/listing", "core/allocation", "core/index", "core/signal", "core/policy",
        "core/burst"]),
    ("core/starter", &["core/number", "core/listing", "core/index"]),
    ("core/checker", &["core/number", "core/listing", "core/index", "core/signal", "core/policy", "core/check",
        "core/starter"]),
    ("feed", &["core/number", "core/listing", "core/allocation"]),
    ("lab/backtest", &["core/number", "core/listing", "core/allocation", "core/index", "core/signal",
        "core/policy", "core/check"]),
    ("clock", &["core/listing"]),
    ("random", &[]),
    ("log_limiter", &[]),
    ("metric", &[]),
    ("store", &["core/number", "core/listing", "core/allocation", "core/index", "random", "metric"]),
    ("sync", &["core/listing", "core/allocation", "core/index", "core/burst", "random", "metric", "store"]),
    ("collect/web", &["core/listing", "random"]),
    ("collect", &["core/number", "core/listing", "core/allocation", "feed", "metric", "store", "collect/web"]),
    ("access", &["core/listing", "random", "metric", "store"]),
    ("operate/audit", &["core/listing", "feed", "metric"]),
    ("operate", &["core/number", "core/listing", "core/index", "core/policy", "feed", "clock", "log_limiter", "store", "sync",
        "collect", "access", "operate/audit"]),
    ("lab/verdict_log", &["core/number", "core/listing", "core/signal", "core/policy", "core/check", "random",
        "metric"]),
    ("rpc/pb", &[]),
    ("rpc/status", &["store", "collect", "access", "operate/audit", "operate", "log_limiter"]),
    ("rpc/wire", &["core/listing", "core/policy", "random", "metric", "store", "access", "rpc/pb",
        "log_limiter", "rpc/status"]),
    ("rpc/messages", &["core/number", "core/listing", "core/allocation", "core/signal", "core/policy",
        "core/check", "feed", "store", "sync", "collect", "access", "operate/audit", "operate", "rpc/pb",
        "rpc/status"]),
    ("rpc", &["core/number", "core/listing", "core/index", "core/signal", "core/policy", "core/burst",
        "core/check", "clock", "random", "store", "sync", "collect", "access", "operate/audit", "operate",
        "lab/verdict_log", "rpc/pb", "rpc/status", "rpc/wire", "rpc/messages"]),
    ("telemetry", &["core/number", "metric", "store", "sync", "collect", "access", "operate/audit",
        "lab/verdict_log", "rpc"]),
    ("config", &["core/policy", "core/burst", "feed", "clock", "random", "store", "sync", "collect/web", "collect",
        "access", "operate", "lab/verdict_log", "rpc/wire", "telemetry"]),
    ("app", &["core/number", "core/listing", "core/index", "core/policy", "core/burst", "core/starter", "feed",
        "clock", "store", "sync", "collect", "access", "operate/audit", "operate", "lab/verdict_log", "rpc/wire",
        "rpc", "telemetry", "config"]),
    ("cli/uses", &[]),
    ("cli/connection", &["random", "rpc/pb", "config", "cli/uses"]),
    ("cli", &["core/number", "core/listing", "core/allocation", "core/index", "core/policy", "feed",
        "lab/backtest", "clock", "store", "sync", "access", "operate/audit", "operate", "lab/verdict_log",
        "rpc/pb", "rpc/messages", "telemetry", "config", "app", "cli/uses", "cli/connection"]),
];

/// Rooms that do no I/O, read no clock and start no thread.
const PURE: &[&str] = &["core", "feed", "lab/backtest"];

/// The crates that the core may name: those of the first part of `[dependencies]`.
const CRATES_OF_CORE: &[&str] = &[
    "std",
    "arc_swap",
    "blake3",
    "bytemuck",
    "compact_str",
    "flate2",
    "itoa",
    "jiff",
    "regex",
    "rlibphonenumber",
    "serde",
    "smallvec",
    "thiserror",
    "toml",
];

/// What pure rooms may not name of std.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "std::time",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
];

/// Words that are in no code of a pure room, wherever they come from.
const IMPURE_WORDS: &[&str] =
    &["async", "await", "SystemTime", "Instant", "tokio", "tracing", "redis", "tonic"];

/// Crates, and the only places under src/ that may name them.
const FENCES: &[(&str, &[&str])] = &[
    ("redis", &["store/redis/", "store/mod.rs"]),
    ("reqwest", &["collect/web/"]),
    ("redb", &["store/embedded/"]),
    ("tonic", &["rpc/", "cli/connection/", "telemetry/traces.rs"]),
    ("hyper", &["rpc/wire/"]),
    ("prost", &["rpc/", "cli/", "operate/once.rs"]),
    ("rlibphonenumber", &["core/number/library.rs"]),
    ("anyhow", &["app/", "cli/"]),
    ("clap", &["cli/"]),
    ("prometheus", &["metric.rs", "telemetry/"]),
    ("axum", &["telemetry/"]),
    ("opentelemetry", &["telemetry/", "rpc/wire/spans.rs"]),
];

/// Longest file and longest function, in lines.
const LONGEST_FILE: usize = 400;
const LONGEST_FUNCTION: usize = 70;

/// A source file: its path under src/, and its text.
type Source = (String, String);

/// The project: where the tests run, or the folder above this file.
fn root() -> PathBuf {
    let places = vec![
        std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default().into(),
        PathBuf::from("."),
        Path::new(file!()).parent().unwrap().join(".."),
    ];
    places.into_iter().find(|place| place.join("src/lib.rs").is_file()).expect("the folder with src/lib.rs")
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = root().join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    assert!(files.len() > 50, "the sources were not found");
    let name = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
    files.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// A word or a sign of code, and its line. `::` is one sign.
#[derive(Clone, Debug, PartialEq)]
struct Token {
    text: String,
    line: usize,
}

impl Token {
    fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// The tokens of a text without comments, strings and characters.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    let begins = |at: usize, what: &str| what.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c));
    while at < chars.len() {
        let start = at;
        let c = chars[at];
        if begins(at, "//") {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
        } else if begins(at, "/*") {
            let mut depth = 0;
            while at < chars.len() {
                depth += i32::from(begins(at, "/*")) - i32::from(begins(at, "*/"));
                at += if begins(at, "/*") || begins(at, "*/") { 2 } else { 1 };
                if depth == 0 {
                    break;
                }
            }
        } else if let Some(end) = string_end(&chars, at) {
            at = end;
        } else if c.is_alphanumeric() || c == '_' {
            while chars.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
                at += 1;
            }
            found.push(Token { text: chars[start..at].iter().collect(), line });
        } else if begins(at, "::") {
            at += 2;
            found.push(Token { text: "::".to_owned(), line });
        } else {
            at += 1;
            if !c.is_whitespace() {
                found.push(Token { text: c.to_string(), line });
            }
        }
        line += chars[start..at.min(chars.len())].iter().filter(|c| **c == '\n').count();
    }
    found
}

/// Where a string or a character that begins at `at` ends; nothing if none begins there.
fn string_end(chars: &[char], at: usize) -> Option<usize> {
    let after_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    let mut next = at;
    while !after_word && next < at + 2 && matches!(chars.get(next), Some('b' | 'r' | 'c')) {
        next += 1;
    }
    let hashes = chars[next..].iter().take_while(|c| **c == '#').count();
    let raw = chars[at..next].contains(&'r');
    if chars.get(next + hashes) == Some(&'"') && (raw || hashes == 0) {
        let mut end = next + hashes + 1;
        while end < chars.len() {
            match chars[end] {
                '\\' if !raw => end += 1,
                '"' if chars[end + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes => {
                    return Some(end + 1 + hashes);
                }
                _ => {}
            }
            end += 1;
        }
        return Some(end);
    }
    if chars.get(next) != Some(&'\'') {
        return None;
    }
    match (chars.get(next + 1), chars.get(next + 2)) {
        (Some('\\'), _) => Some((next + 3..chars.len()).find(|&end| chars[end] == '\'')? + 1),
        (Some(_), Some('\'')) => Some(next + 3),
        _ => None, // a lifetime
    }
}

/// The tokens without items that are compiled for tests alone, and the names of modules that are such items.
fn without_tests(tokens: Vec<Token>) -> (Vec<Token>, Vec<String>) {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let marked =
        |at: usize| MARK.iter().enumerate().all(|(i, s)| tokens.get(at + i).is_some_and(|t| t.text == *s));
    let (mut kept, mut modules, mut at) = (Vec::new(), Vec::new(), 0);
    while at < tokens.len() {
        if !marked(at) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let item = at + MARK.len();
        at = item_end(&tokens, item);
        match &tokens[item..at] {
            [.., keyword, name, end] if keyword.text == "mod" && end.text == ";" => {
                modules.push(name.text.clone())
            }
            _ => {}
        }
    }
    (kept, modules)
}

/// Behind the item that begins at `at`: its `;`, or the brace that closes its body.
fn item_end(tokens: &[Token], at: usize) -> usize {
    let (mut depth, mut attribute) = (0, false);
    for (i, token) in tokens.iter().enumerate().skip(at) {
        match token.text.as_str() {
            "#" if depth == 0 => attribute = true,
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth -= 1;
                if depth == 0 && token.text == "}" {
                    return i + 1;
                }
                attribute &= depth > 0;
            }
            ";" if depth == 0 && !attribute => return i + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// A path that code names, from its first word on.
#[derive(Clone, Debug, PartialEq)]
struct Named {
    path: Vec<String>,
    line: usize,
    /// The name that a `use` gives it.
    alias: Option<String>,
    /// Whether other files can reach it here.
    exported: bool,
    /// Modules inside of the file that it is in.
    inside: usize,
}

/// All paths that code names: those of `use`, with braces taken apart, and those in expressions.
fn named(tokens: &[Token]) -> Vec<Named> {
    let (mut found, mut at, mut depth, mut inline) = (Vec::new(), 0, 0, Vec::new());
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    while at < tokens.len() {
        match text(at) {
            "{" => {
                depth += 1;
                let module = at >= 2 && text(at - 2) == "mod";
                inline.extend(module.then_some(depth));
            }
            "}" => {
                inline.pop_if(|module| *module == depth);
                depth -= 1;
            }
            "use" => {
                let exported = at > 0 && matches!(text(at - 1), "pub" | ")");
                let end = (at..tokens.len()).find(|&end| text(end) == ";").unwrap_or(tokens.len());
                let before = found.len();
                use_tree(&tokens[at + 1..end], &[], &mut found);
                found[before..].iter_mut().for_each(|named| {
                    named.exported = exported;
                    named.inside = inline.len();
                });
                at = end;
            }
            _ if tokens[at].is_word() && (at == 0 || text(at - 1) != "::") && text(at + 1) == "::" => {
                let line = tokens[at].line;
                let mut path = vec![text(at).to_owned()];
                while text(at + 1) == "::" && tokens.get(at + 2).is_some_and(Token::is_word) {
                    path.push(text(at + 2).to_owned());
                    at += 2;
                }
                found.push(Named { path, line, alias: None, exported: false, inside: inline.len() });
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn use_tree(tree: &[Token], prefix: &[String], found: &mut Vec<Named>) {
    let mut path = prefix.to_vec();
    let line = tree.first().map_or(0, |token| token.line);
    for (at, token) in tree.iter().enumerate() {
        match token.text.as_str() {
            "::" => {}
            "as" => {
                let alias = tree.get(at + 1).map(|token| token.text.clone());
                return found.push(Named { path, line, alias, exported: false, inside: 0 });
            }
            "{" => {
                let (mut depth, mut start) = (0, at + 1);
                for (i, token) in tree.iter().enumerate().skip(at) {
                    match token.text.as_str() {
                        "{" => depth += 1,
                        "}" => depth -= 1,
                        _ => {}
                    }
                    let ends = depth == 0 || (depth == 1 && token.text == ",");
                    if ends && start < i {
                        use_tree(&tree[start..i], &path, found);
                    }
                    if ends {
                        start = i + 1;
                    }
                    if depth == 0 {
                        return;
                    }
                }
            }
            "self"
                if !path.is_empty() && path.last().is_some_and(|last| last != "super" && last != "self") => {}
            word => path.push(word.to_owned()),
        }
    }
    found.push(Named { path, line, alias: None, exported: false, inside: 0 });
}

/// One file as the rules see it.
struct File {
    name: String,
    module: Vec<String>,
    tokens: Vec<Token>,
    named: Vec<Named>,
}

/// The files that are built into the library, read; and what is wrong with their form.
fn read(sources: &[Source]) -> Vec<File> {
    let mut tests = BTreeSet::new();
    let mut files = Vec::new();
    for (name, text) in sources {
        let module = module_of(name);
        let (tokens, modules) = without_tests(tokens(text));
        tests.extend(modules.into_iter().map(|child| [module.clone(), vec![child]].concat()));
        let named = named(&tokens);
        files.push(File { name: name.clone(), module, tokens, named });
    }
    files.retain(|file| file.name != "main.rs" && !tests.contains(&file.module));
    files
}

fn module_of(name: &str) -> Vec<String> {
    let path = name.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').filter(|part| *part != "lib").map(str::to_owned).collect()
}

/// The path from the root of the crate, if `named` is in the crate.
fn absolute(named: &Named, file: &File, modules: &BTreeMap<Vec<String>, usize>) -> Option<Vec<String>> {
    let mut rest = named.path.as_slice();
    let mut base = match rest.first()?.as_str() {
        "crate" | "numguard" => {
            rest = &rest[1..];
            Vec::new()
        }
        "self" | "super" => [file.module.clone(), vec![String::new(); named.inside]].concat(),
        child => {
            let own = [file.module.clone(), vec![child.to_owned()]].concat();
            return modules.contains_key(&own).then(|| [file.module.clone(), rest.to_vec()].concat());
        }
    };
    while let Some(word) = rest.first().filter(|word| matches!(word.as_str(), "self" | "super")) {
        if word == "super" {
            base.pop();
        }
        rest = &rest[1..];
    }
    Some([base, rest.to_vec()].concat())
}

/// All files, and what leads from a path to the file that has it.
struct Project {
    files: Vec<File>,
    modules: BTreeMap<Vec<String>, usize>,
    /// Names that a folder's front hands on, with where they lead.
    handed_on: BTreeMap<Vec<String>, Vec<String>>,
}

impl Project {
    fn read(sources: &[Source]) -> Self {
        let files = read(sources);
        let modules = files.iter().enumerate().map(|(at, file)| (file.module.clone(), at)).collect();
        let mut handed_on = BTreeMap::new();
        for file in &files {
            for named in file.named.iter().filter(|named| named.exported && named.inside == 0) {
                let Some(path) = absolute(named, file, &modules) else { continue };
                let Some(name) = named.alias.as_ref().or(path.last()) else { continue };
                handed_on.insert([file.module.clone(), vec![name.clone()]].concat(), path);
            }
        }
        Self { files, modules, handed_on }
    }

    /// The file that has what a path leads to.
    fn file_of(&self, mut path: Vec<String>) -> Option<usize> {
        // Names are handed on a few times at most; a circle of them must not hang the test.
        for _ in 0..8 {
            let on = (0..=path.len()).rev().find_map(|end| Some((end, self.handed_on.get(&path[..end])?)));
            let Some((end, on)) = on.filter(|(end, on)| on.as_slice() != &path[..*end]) else { break };
            path = [on.clone(), path[end..].to_vec()].concat();
        }
        (0..=path.len()).rev().find_map(|end| self.modules.get(&path[..end]).copied())
    }

    /// The other files that a file names something of, with the line.
    fn imports(&self, file: &File) -> BTreeMap<usize, usize> {
        let mut found = BTreeMap::new();
        for named in &file.named {
            let other = absolute(named, file, &self.modules).and_then(|path| self.file_of(path));
            if let Some(other) = other.filter(|other| self.files[*other].name != file.name) {
                found.entry(other).or_insert(named.line);
            }
        }
        found
    }
}

/// The project as it is, read once.
fn project() -> &'static Project {
    static PROJECT: OnceLock<Project> = OnceLock::new();
    PROJECT.get_or_init(|| Project::read(&sources()))
}

/// The room of a file; none for lib.rs and the fronts that only list rooms.
fn room(name: &str) -> Option<&'static str> {
    let inside =
        |room: &str| name.strip_prefix(room).is_some_and(|rest| rest.starts_with('/') || rest == ".rs");
    let fronts = ["lib.rs", "core/mod.rs", "lab/mod.rs"];
    let rooms = ROOMS.iter().map(|(room, _)| *room).filter(|room| inside(room) && !fronts.contains(&name));
    rooms.max_by_key(|room| room.len())
}

fn is_pure(name: &str) -> bool {
    PURE.iter().any(|room| name.strip_prefix(room).is_some_and(|rest| rest.starts_with('/')))
}

/// Imports of a file that its room's list does not allow.
fn wrong_edges(project: &Project, file: &File) -> Vec<String> {
    let own = room(&file.name).unwrap_or("the front of a folder");
    let listed = ROOMS.iter().find(|(room, _)| *room == own).map(|(_, allowed)| *allowed);
    // A front lists the rooms below it and imports nothing else; lib.rs is the front of all.
    let below = file.name.trim_end_matches("mod.rs");
    let allows = |other: &str| match listed {
        Some(allowed) => allowed.contains(&other),
        None => file.name == "lib.rs" || other.starts_with(below),
    };
    let others = project.imports(file).into_iter();
    let others = others.filter_map(|(other, line)| Some((room(&project.files[other].name)?, line)));
    // Under another name, or name by name, everything could come through the root.
    let root = |named: &&Named| {
        absolute(named, file, &project.modules).is_some_and(|path| path.is_empty() || path == ["*"])
    };
    if let Some(named) = file.named.iter().find(root) {
        return vec![format!(
            "src/{}:{}: the root of the crate may not be imported whole",
            file.name, named.line
        )];
    }
    let wrong = others.filter(|(other, _)| *other != own && !allows(other));
    wrong.map(|(other, line)| format!("src/{}:{line}: {own} may not import {other}", file.name)).collect()
}

/// Permissions of ROOMS that nobody uses.
fn unused_permissions(project: &Project) -> Vec<String> {
    let mut unused: BTreeSet<_> =
        ROOMS.iter().flat_map(|(room, allowed)| allowed.iter().map(move |other| (*room, *other))).collect();
    for file in &project.files {
        for other in project.imports(file).into_keys() {
            if let (Some(own), Some(other)) = (room(&file.name), room(&project.files[other].name)) {
                unused.remove(&(own, other));
            }
        }
    }
    unused.iter().map(|(room, other)| format!("ROOMS: {room} does not import {other} any more")).collect()
}

/// Files that name each other in a circle. A folder's front and its own files count as one there: the front has the
/// type, its files have parts of it.
fn circles(project: &Project) -> Vec<String> {
    let files = &project.files;
    let edges: Vec<Vec<usize>> = files
        .iter()
        .enumerate()
        .map(|(own, file)| {
            let imports = project.imports(file);
            let inside = |other: &usize| files[own].module.starts_with(&files[*other].module);
            imports.into_keys().filter(|other| !inside(other)).collect()
        })
        .collect();
    let reach = |from: usize| {
        let (mut seen, mut next) = (BTreeSet::new(), edges[from].clone());
        while let Some(file) = next.pop() {
            if seen.insert(file) {
                next.extend(&edges[file]);
            }
        }
        seen
    };
    let reached: Vec<BTreeSet<usize>> = (0..files.len()).map(reach).collect();
    let mut found = BTreeSet::new();
    for own in (0..files.len()).filter(|own| reached[*own].contains(own)) {
        let circle = reached[own].iter().filter(|other| reached[**other].contains(&own));
        found.insert(circle.map(|other| files[*other].name.as_str()).collect::<Vec<_>>().join(", "));
    }
    found.into_iter().map(|circle| format!("files import each other in a circle: {circle}")).collect()
}

/// What a file of a pure room names of the world.
fn impurities(file: &File, crates: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    if is_pure(&file.name) {
        let core = file.name.starts_with("core/");
        for named in &file.named {
            let path = named.path.join("::");
            let within = |rule: &&&str| {
                path == **rule || path.strip_prefix(**rule).is_some_and(|rest| rest.starts_with("::"))
            };
            let first = named.path[0].as_str();
            let alone = named.path.len() == 1 && ["std", "crate"].contains(&first) || path == "std::*";
            let foreign = core && crates.iter().any(|name| name == first) && !CRATES_OF_CORE.contains(&first);
            let clock = named.path.last().is_some_and(|last| last == "now");
            if IMPURE.iter().find(within).is_some() || alone || foreign || clock {
                wrong.push(format!("src/{}:{}: a pure room may not name {path}", file.name, named.line));
            }
        }
        for token in file.tokens.iter().filter(|token| IMPURE_WORDS.contains(&token.text.as_str())) {
            wrong.push(format!("src/{}:{}: a pure room may not say {}", file.name, token.line, token.text));
        }
    }
    wrong
}

/// Crates that are named outside of their fences, and ways around the rules.
fn broken_fences(file: &File) -> Vec<String> {
    let mut wrong = Vec::new();
    {
        for (krate, places) in
            FENCES.iter().filter(|(_, places)| !places.iter().any(|p| file.name.starts_with(p)))
        {
            let named = file.named.iter().find(|named| named.path[0] == *krate);
            wrong.extend(
                named.map(|named| {
                    format!("src/{}:{}: only {places:?} may name {krate}", file.name, named.line)
                }),
            );
        }
        for three in file.tokens.windows(3) {
            let words = [0, 1, 2].map(|at| three[at].text.as_str());
            let around = matches!(
                words,
                ["extern", "crate", _]
                    | ["#", "[", "path"]
                    | ["include", "!", _]
                    | ["crate" | "std", "as", _]
            );
            if around {
                wrong.push(format!(
                    "src/{}:{}: {} hides what is imported",
                    file.name,
                    three[0].line,
                    words.join(" ")
                ));
            }
        }
        let clock = file.tokens.iter().find(|token| token.text == "SystemTime" && file.name != "clock.rs");
        wrong.extend(
            clock.map(|token| format!("src/{}:{}: only clock.rs reads the clock", file.name, token.line)),
        );
    }
    wrong
}

/// The names of the crates that Cargo.toml has, as code writes them.
fn dependencies() -> Vec<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let own = manifest.split("\n[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let names = own.lines().filter_map(|line| line.split_once(" = ").map(|(name, _)| name.replace('-', "_")));
    names.chain(["std".to_owned()]).collect()
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn rooms_import_only_what_their_list_allows() {
    let project = project();
    assert_none(&project.files.iter().flat_map(|file| wrong_edges(project, file)).collect::<Vec<_>>());
    assert_none(&unused_permissions(project));
}

#[test]
fn rooms_import_each_other_in_no_circle() {
    let mut left: Vec<_> = ROOMS.to_vec();
    while let Some(at) =
        left.iter().position(|(_, all)| !all.iter().any(|o| left.iter().any(|(room, _)| room == o)))
    {
        left.swap_remove(at);
    }
    assert!(left.is_empty(), "circle among {:?}", left.iter().map(|(room, _)| room).collect::<Vec<_>>());
}

#[test]
fn files_import_each_other_in_no_circle() {
    assert_none(&circles(project()));
}

#[test]
fn pure_rooms_do_no_io_and_read_no_clock() {
    let crates = dependencies();
    assert_none(&project().files.iter().flat_map(|file| impurities(file, &crates)).collect::<Vec<_>>());
}

#[test]
fn crates_are_named_only_where_they_belong() {
    assert_none(&project().files.iter().flat_map(broken_fences).collect::<Vec<_>>());
}

#[test]
fn every_file_belongs_to_a_room_says_what_it_is_for_and_stays_readable() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let front = ["main.rs", "lib.rs", "core/mod.rs", "lab/mod.rs"].contains(&file.as_str());
        if !front && room(&file).is_none() {
            wrong.push(format!("src/{file} belongs to no room of ROOMS"));
        }
        if !text.starts_with("//! ") {
            wrong.push(format!("src/{file} has no //! head"));
        }
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            wrong.push(format!("src/{file} has {lines} lines: split it by meaning"));
        }
        if ["util", "helper", "manager", "common", "misc"].iter().any(|word| file.contains(word)) {
            wrong.push(format!("src/{file} is named after nothing"));
        }
    }
    for file in &project().files {
        let starts =
            file.tokens.windows(2).enumerate().filter(|(_, pair)| pair[0].text == "fn" && pair[1].is_word());
        for (at, pair) in starts {
            let end = item_end(&file.tokens, at);
            let lines = file.tokens[end - 1].line + 1 - pair[0].line;
            if lines > LONGEST_FUNCTION {
                wrong.push(format!("src/{}:{}: {} has {lines} lines", file.name, pair[0].line, pair[1].text));
            }
        }
    }
    assert_none(&wrong);
}

/// Lines that no pure file may have, in the forms in which people write them.
const FORBIDDEN: &[&str] = &[
    "use crate::cli;",
    "use crate::config;",
    "use crate::{listing_never_there, cli::run};",
    "use SUPERS::store::Store;", // as many as lead to the root
    "use SUPERS::*;",
    "use SUPERS as root;",
    "use crate::*;",
    "use crate::{self as root};",
    "type Planted = crate::rpc::pb::CheckNumberRequest;",
    "fn planted() { let _ = ::std::time::SystemTime::now(); }",
    "use std::{time as later};",
    "pub use crate::metric::Counter;",
    "#[path = \"../cli/mod.rs\"] mod planted;",
    "use std::fs;",
    "use std::{collections::BTreeMap, fs::File};",
    "use std::time::SystemTime;",
    "use std::time::{Duration, Instant as Later};",
    "use std as other;",
    "use tokio::sync::Mutex;",
    "use redis::Client;",
    "use ::redis::Client;",
    "extern crate redis;",
    "fn planted() { let _ = std::fs::read(\"x\"); }",
    "fn planted() { let _ = crate::clock::now(); }",
    "fn planted() { tokio::spawn(planted()); }",
    "fn planted() { std::thread::spawn(|| ()); }",
    "fn planted() { std::println!(\"{}\", std::env::var(\"X\").is_ok()); }",
    "mod planted { use crate::rpc; }",
    "async fn planted() {}",
];

/// What the rules say of `text` as the file `name`.
fn complaints(name: &str, text: &str, crates: &[String]) -> Vec<String> {
    let read = read(&[(name.to_owned(), text.to_owned())]);
    let file = &read[0];
    [wrong_edges(project(), file), impurities(file, crates), broken_fences(file)].concat()
}

#[test]
fn what_is_planted_into_a_copy_of_a_pure_file_is_refused() {
    let (sources, crates) = (sources(), dependencies());
    let built: BTreeSet<&str> = project().files.iter().map(|file| file.name.as_str()).collect();
    let pure = sources.iter().filter(|(name, _)| is_pure(name) && built.contains(name.as_str()));
    let mut planted = 0;
    for (name, text) in pure {
        assert_none(&complaints(name, text, &crates));
        let supers = vec!["super"; module_of(name).len()].join("::");
        for line in FORBIDDEN.iter().map(|line| line.replace("SUPERS", &supers)) {
            let body = text.split_inclusive('\n').position(|line| !line.starts_with("//!")).unwrap();
            let (head, rest): (String, String) = (
                text.split_inclusive('\n').take(body).collect(),
                text.split_inclusive('\n').skip(body).collect(),
            );
            for copy in [format!("{head}{line}\n{rest}"), format!("{text}\n{line}\n")] {
                assert!(
                    !complaints(name, &copy, &crates).is_empty(),
                    "{} passes in a copy of src/{}",
                    line,
                    name
                );
                planted += 1;
            }
        }
    }
    assert!(planted > 1_000 && built.contains("core/check/mod.rs"), "the pure files were not found");
}

#[test]
fn a_circle_and_a_name_that_is_handed_on_are_seen() {
    let source = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let sources = [
        source("feed/mod.rs", "mod one; mod other; mod third; pub use other::Other as Renamed;"),
        source("feed/one.rs", "use super::Renamed; pub struct One;"),
        source("feed/other.rs", "use super::third::Third; pub struct Other;"),
        source("feed/third.rs", "// use super::one::One;\nfn f() -> crate::feed::one::One {}"),
    ];
    assert_eq!(
        circles(&Project::read(&sources)),
        ["files import each other in a circle: feed/one.rs, feed/other.rs, feed/third.rs"]
    );
    assert_eq!(circles(&Project::read(&sources[..3])), [""; 0]);
}

#[test]
fn comments_strings_and_test_items_are_no_code() {
    let words = |text: &str| {
        let (kept, tests) = without_tests(tokens(text));
        (kept.into_iter().map(|token| token.text).collect::<Vec<_>>().join(" "), tests)
    };
    for (text, expected) in [
        ("a // b\nc /* d /* e */ f */ g", "a c g"),
        ("let x = \"a \\\" b\"; y", "let x = ; y"),
        ("r#\"a \" b\"# c b\"d\" br\"e\" f", "c f"),
        ("'a' 'b: '\\'' '\\u{1}' &'c str", "' b : & ' c str"),
        ("#[cfg(test)] use a::b; c", "c"),
        ("#[cfg(test)] #[path = \"x;\"] mod a { fn f() { } } b", "b"),
        ("#[cfg(test)] fn a(b: [u8; 3]) -> C { d } e", "e"),
    ] {
        assert_eq!(words(text).0, expected, "{text}");
    }
    assert_eq!(words("#[cfg(test)]\nmod properties; use a;").1, ["properties"]);
}
