//! Definitions: what is shipped, what is refused and how that is told, what an operator adds.

use numguard::feed::definition::{SHIPPED, skeleton};
use numguard::feed::{Catalogue, Definition, Shape, Trust};

const GOOD: &str = "name = \"x\"\ntitle = \"X\"\ngroup = \"x\"\nterms = \"none\"\nurls = [\"https://x.example/list\"]\n\
    interval_minutes = 60\nband = { min = 1, max = 9 }\n[[html]]\nrows = \"div.n\"\nnumber = { select = \"b\" }\n";

#[test]
fn every_shipped_file_is_in_the_list_and_named_after_its_feed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/feed/definitions");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, SHIPPED.iter().map(|(file, _)| *file).collect::<Vec<_>>());
    for (file, text) in SHIPPED {
        let definition = Definition::parse(file, text).unwrap();
        assert_eq!(*file, format!("{}.toml", definition.name), "file and name");
    }
}

#[test]
fn sites_that_refuse_plain_clients_are_shipped_disabled_with_the_reason() {
    let catalogue = &*crate::CATALOGUE;
    for name in ["sms24.me", "temp-number.com", "smstome.com", "receive-sms-free.cc", "jiemahao.com"] {
        let definition = &catalogue.get(name).unwrap().definition;
        assert!(!definition.enabled && !definition.disabled_because.is_empty(), "{name}");
    }
    let enabled = catalogue.entries().iter().filter(|entry| entry.definition.enabled).count();
    assert!(enabled >= 8, "{enabled}");
    let group = |name: &str| catalogue.get(name).unwrap().definition.group.clone();
    assert_eq!(group("receive-sms-online.info"), group("sms-receive.net"), "mirrors count once");
    let trust = |name: &str| catalogue.get(name).unwrap().definition.trust;
    assert_eq!(
        (trust("sms24.me"), trust("quackr.io"), trust("castle")),
        (Trust::Low, Trust::Normal, Trust::High)
    );
}

#[test]
fn followed_links_never_lead_to_inbox_pages() {
    for entry in crate::CATALOGUE.entries() {
        let Some(only) = &entry.definition.pages.only else { continue };
        for inbox in
            ["/en/numbers/12025550123", "/sms/12025550123/", "/temporary-numbers/United-Kingdom/447400123456"]
        {
            assert!(!only.is_in(inbox), "{} follows {inbox}", entry.file);
        }
    }
}

#[test]
fn a_wrong_definition_is_refused_by_file_field_and_what_was_expected() {
    for (from, to, words) in [
        ("title = \"X\"", "titel = \"X\"", "line 2 (titel): unknown field `titel`"),
        ("title = \"X\"", "title = \" \"", "title: expected some words"),
        ("title = \"X\"\n", "", "missing field `title`"),
        ("name = \"x\"", "name = \"X Y\"", "line 1 (name): expected a feed name of 1 to 48 characters"),
        (
            "interval_minutes = 60",
            "interval_minutes = \"1h\"",
            "line 6 (interval_minutes): invalid type: string",
        ),
        ("interval_minutes = 60", "interval_minutes = 1", "interval_minutes: expected 5 to 43200"),
        (
            "interval_minutes = 60",
            "interval_minutes = 60\npace_seconds = 0",
            "pace_seconds: expected 1 to 3600",
        ),
        (
            "interval_minutes = 60",
            "interval_minutes = 60\ntrust = \"much\"",
            "unknown variant `much`, expected one of `low`",
        ),
        (
            "interval_minutes = 60",
            "interval_minutes = 60\nenabled = false",
            "disabled_because: expected a reason",
        ),
        (
            "interval_minutes = 60",
            "interval_minutes = 60\ndisabled_because = \"x\"",
            "disabled_because: expected",
        ),
        (
            "interval_minutes = 60",
            "interval_minutes = 60\ndefault_region = \"UK\"",
            "expected an ISO 3166 region such as GB",
        ),
        (
            "interval_minutes = 60",
            "interval_minutes = 60\ncontacts = [12025550123]",
            "line 7 (contacts): invalid type: integer `...`",
        ),
        (
            "interval_minutes = 60",
            "interval_minutes = 60\ncontacts = [\"0800\"]",
            "line 7 (contacts): expected an E.164 number",
        ),
        (
            "interval_minutes = 60",
            "interval_minutes = 60\nmirrors = [\"https://a/\"]",
            "mirrors: expected host names",
        ),
        ("max = 9", "max = 0", "band: expected min at most max"),
        ("max = 9", "most = 9", "unknown field `most`"),
        ("[\"https://x.example/list\"]", "[]", "urls: expected at least one address"),
        (
            "[\"https://x.example/list\"]",
            "[\"x.example\"]",
            "line 5 (urls): expected an address such as https://",
        ),
        ("[\"https://x.example/list\"]", "[\"file:///etc/passwd\"]", "expected an address such as https://"),
        (
            "[\"https://x.example/list\"]",
            "[\"https://a:b@x.example/\"]",
            "expected an address such as https://",
        ),
        (
            "example/list\"]",
            "example/list\", \"https://y.example/\"]",
            "urls: expected addresses of one host",
        ),
        ("rows = \"div.n\"", "rows = \"div:has(b)\"", "line 9 (rows): expected a CSS selector"),
        ("rows = \"div.n\"", "rows = \"div, p\"", "not a comma"),
        ("rows = \"div.n\"", "rows = \"div > > p\"", "expected a CSS selector"),
        (
            "{ select = \"b\" }",
            "{ select = \"b\", pattern = \"(\" }",
            "line 10 (number): expected a regular expression",
        ),
        (
            "{ select = \"b\" }",
            "{ attribute = \"href\" }",
            "html[0].number.pattern: expected the part of the href",
        ),
        (
            "{ select = \"b\" }",
            "{ digits = \"national\" }",
            "html[0].number.digits: expected a default_region",
        ),
        ("{ select = \"b\" }", "{ text = \"b\" }", "unknown field `text`"),
        ("{ select = \"b\" }", "{}\nstates = [{ is = \"premium\" }]", "html[0].states[0].has: expected"),
        ("{ select = \"b\" }", "{}\nstates = [{ select = \"b\", is = \"gone\" }]", "unknown variant `gone`"),
        ("[[html]]", "[pages]\ntemplate = \"/page/{page}\"\n[[html]]", "pages.template: expected {start}"),
        (
            "[[html]]",
            "[pages]\ntemplate = \"{start}/{n}/{page}\"\n[[html]]",
            "pages.template: expected {start}",
        ),
        ("[[html]]", "[pages]\nfollow = \"a\"\n[[html]]", "pages.only: expected follow and only together"),
        ("[[html]]", "[pages]\ncap = 501\n[[html]]", "pages.cap: expected 1 to 500"),
        (
            "[[html]]",
            "[[html]]\nrows = \"p\"\nnumber = {}\n[csv]\nnumber = \"e164\"\n[[html]]",
            "expected exactly one of [[html]]",
        ),
        ("[[html]]\nrows = \"div.n\"\nnumber = { select = \"b\" }", "", "expected exactly one of [[html]]"),
        (
            "[[html]]\nrows = \"div.n\"\nnumber = { select = \"b\" }",
            "[[json]]\nrows = \"x\"\nnumber = \"n\"",
            "json[0].rows: expected a JSON pointer",
        ),
        (
            "[[html]]\nrows = \"div.n\"\nnumber = { select = \"b\" }",
            "[[json]]\nnumber = \"n\"\nstate = \"s\"",
            "json[0].states: expected state and states",
        ),
        (
            "[[html]]\nrows = \"div.n\"\nnumber = { select = \"b\" }",
            "[holders]\ncountry_code = 44\nholder = \"h\"",
            "holders: expected either prefix or span",
        ),
        ("[[html]]", "[[html]", "line 8"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = Definition::parse("own/x.toml", &GOOD.replacen(from, to, 1)).err();
        let error = error.unwrap_or_else(|| panic!("{to} was taken")).to_string();
        assert!(
            error.starts_with("own/x.toml: ") && error.contains(words),
            "{error:?} does not say {words:?}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn own_definitions_are_added_or_take_the_place_of_shipped_ones() {
    let own = |name: &str| {
        (format!("own/{name}.toml"), GOOD.replacen("name = \"x\"", &format!("name = \"{name}\""), 1))
    };
    let shipped = crate::CATALOGUE.entries().len();
    let catalogue = Catalogue::new(&[own("mine"), own("quackr.io")]).unwrap();
    assert_eq!(catalogue.entries().len(), shipped + 1);
    let quackr = catalogue.get("quackr.io").unwrap();
    assert!(
        matches!(quackr.definition.shape(), Shape::Html(_))
            && !quackr.shipped
            && quackr.file == "own/quackr.io.toml"
    );
    let twice = Catalogue::new(&[own("mine"), ("own/other.toml".to_owned(), own("mine").1)]);
    assert_eq!(twice.unwrap_err().to_string(), "own/other.toml: name: mine is also in own/mine.toml");
}

#[test]
fn a_skeleton_parses_and_reads_a_page_of_its_shape() {
    let (name, text) = skeleton("https://numbers.example/list").unwrap();
    let definition = Definition::parse("skeleton", &text).unwrap();
    assert_eq!(name, "numbers.example");
    let body = b"<div class=\"number-card\"><p class=\"number\">+1 202 555 0123</p></div>";
    let page = definition.read(&definition.urls[0], body, Default::default()).unwrap();
    assert_eq!(page.rows.len(), 1);
}
