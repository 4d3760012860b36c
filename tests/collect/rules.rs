//! How the rules of a robots.txt are read: the RFC's own examples, and what sites write.

use std::time::Duration;

use numguard::collect::web::RobotsRules;
use proptest::prelude::*;

/// Whether each path is allowed.
fn check(text: &str, expected: &[(&str, bool)]) {
    let rules = RobotsRules::read(text.as_bytes());
    for (path, allowed) in expected {
        assert_eq!(rules.allow(path), *allowed, "{path} by {text:?}");
    }
}

#[test]
fn the_longest_match_wins_and_allow_wins_a_draw() {
    // RFC 9309, 5.2.
    check(
        "User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n\n\
         User-Agent: numguard\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n",
        &[("/example/page/", true), ("/example/page/disallowed.gif", false), ("/else", true)],
    );
    check("User-agent: *\nDisallow: /a\nAllow: /a", &[("/a", true), ("/ab", true)]);
    check("User-agent: *\nAllow: /folder\nDisallow: /folder/", &[("/folder", true), ("/folder/x", false)]);
    check("User-agent: *\nAllow: /page\nDisallow: /*.htm", &[("/page.htm", false), ("/page", true)]);
    check("User-agent: *\nAllow: /$\nDisallow: /", &[("/", true), ("/x", false), ("/?x", false)]);
}

#[test]
fn our_own_group_counts_and_the_star_only_without_one() {
    let both = "User-agent: *\nDisallow: /\n\nUser-agent: NumGuard\nDisallow: /no\n";
    check(both, &[("/", true), ("/no", false)]);
    check("User-agent: otherbot\nDisallow: /\n", &[("/", true)]);
    check("User-agent: numguard\n\nUser-agent: *\nDisallow: /", &[("/", false)]);
    check("User-agent: numguard\nDisallow:\n\nUser-agent: *\nDisallow: /", &[("/", true)]);
    check("User-agent: numguard/1.0 (x)\nDisallow: /a", &[("/a", false)]);
    for other in ["numguardbot", "num", "numguard-image", "xnumguard"] {
        check(&format!("User-agent: {other}\nDisallow: /a"), &[("/a", true)]);
    }
    // Groups of the same name are one; lines in a row share theirs; a sitemap ends none.
    check(
        "User-agent: numguard\nDisallow: /a\nUser-agent: x\nDisallow: /x\nUser-agent: y\nSitemap: z\n\nUser-agent: numguard\nDisallow: /b",
        &[("/a", false), ("/b", false), ("/x", true)],
    );
    check("Disallow: /a\nUser-agent: *\nDisallow: /b", &[("/a", true), ("/b", false)]);
}

#[test]
fn stars_and_ends() {
    for (rule, path, matches) in [
        ("/fish", "/fish.html", true),
        ("/fish", "/Fish", false),
        ("/fish*", "/fishheads", true),
        ("/fish/", "/fish", false),
        ("/*.php", "/folder/any.php.file", true),
        ("/*.php", "/windows.PHP", false),
        ("/*.php$", "/x.php", true),
        ("/*.php$", "/x.php?a", false),
        ("/*.php$", "/x.php.php", true),
        ("/fish*.php", "/fishheads/cat.php?x", true),
        ("/a**b***c", "/axxbxxc", true),
        ("/a*b*c", "/acb", false),
        ("/a*a", "/a", false),
        ("/a*a$", "/aa", true),
        ("/ab*ba$", "/aba", false),
        ("*/private", "/x/private/y", true),
        ("*", "/", true),
        ("/*", "/anything", true),
        ("/a$b", "/a$b", true),
        ("/a$b", "/a", false),
        ("/a$b$", "/a$bc", false),
        ("/x?*id=", "/x?a&id=1", true),
    ] {
        check(&format!("User-agent: *\nDisallow: {rule}"), &[(path, !matches)]);
    }
}

#[test]
fn percent_encoding_is_compared_in_one_form() {
    // RFC 9309, 2.2.2, and what stands for itself.
    for (rule, path, matches) in [
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz", true),
        ("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https://foo.bar", true),
        ("/foo/bar/ツ", "/foo/bar/%E3%83%84", true),
        ("/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84", true),
        ("/foo/bar/%62%61%7A", "/foo/bar/baz", true),
        ("/foo/bar/baz", "/foo/bar/%62%61%7A", true),
        ("/a%2fb", "/a/b", false),
        ("/a%2fb", "/a%2Fb", true),
        ("/path/file-with-a-%2A.html", "/path/file-with-a-*.html", true),
        ("/path/file-with-a-%2A.html", "/path/file-with-a-x.html", false),
        ("/path/foo-%24", "/path/foo-$", true),
        ("/100%", "/100%", true),
        ("/a b", "/a%20b", true),
    ] {
        check(&format!("User-agent: *\nDisallow: {rule}"), &[(path, !matches)]);
    }
}

#[test]
fn what_sites_write() {
    check("\u{feff}User-agent: *\r\nDisallow: /a\r\n\r\nDisallow: /b", &[("/a", false), ("/b", false)]);
    check("User-agent: *\rDisallow: /a\r", &[("/a", false)]);
    check("  USER-AGENT :*# all\n\tdisallow\t:\t/a # why\n", &[("/a", false), ("/b", true)]);
    check("User-agent: *\nDisallow: a/", &[("/a/b", false)]);
    check("User-agent: *\nDisallow: /\nAllow: a/", &[("/a/b", false)]);
    check(
        "User-agent: *\nDisallow /a\nDisalow: /b\nDisallow: /c",
        &[("/a", true), ("/b", true), ("/c", false)],
    );
    check("<!doctype html><html><body>User-agent: * Disallow: /</body></html>", &[("/", true)]);
    check("", &[("/", true)]);
    let latin = RobotsRules::read(b"User-agent: *\nDisallow: /caf\xe9\n\xff\xfe: x\nDisallow: /z");
    assert!(!latin.allow("/caf%E9") && !latin.allow("/z") && latin.allow("/caf"));
}

#[test]
fn crawl_delays() {
    let delay = |text: &str| RobotsRules::read(text.as_bytes()).crawl_delay().map(|delay| delay.as_millis());
    assert_eq!(delay("User-agent: *\nCrawl-delay: 10"), Some(10_000));
    assert_eq!(delay("User-agent: *\nCrawl-delay: 1.5\nDisallow: /"), Some(1_500));
    assert_eq!(delay("User-agent: x\nCrawl-delay: 10\nUser-agent: *\nDisallow: /"), None);
    assert_eq!(delay("User-agent: *\nCrawl-delay: 10\n\nUser-agent: numguard\nCrawl-delay: 2"), Some(2_000));
    for odd in ["", "-5", "NaN", "ten", "1 2"] {
        assert_eq!(delay(&format!("User-agent: *\nCrawl-delay: {odd}")), None, "{odd}");
    }
    let capped = Some(Duration::from_secs(3_600).as_millis());
    for long in ["3601", "1e300", "inf", "999999999999999999999"] {
        assert_eq!(delay(&format!("User-agent: *\nCrawl-delay: {long}")), capped, "{long}");
    }
}

/// Bytes in which rules are likely.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&str] = &[
        "User-agent: *",
        "User-agent: numguard",
        "Allow:",
        "Disallow:",
        "Crawl-delay: ",
        "/",
        "*",
        "$",
        "%",
        "%2",
        "%41",
        "\n",
        "\r\n",
        "#",
        ":",
        "a",
        "b/",
        "\u{feff}",
        "1e9",
        " ",
        "é",
    ];
    let piece = prop_oneof![
        8 => proptest::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// What the RFC says of one rule, written as plainly as can be.
fn plainly(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [] => true,
        [b'$'] => path.is_empty(),
        [b'*', rest @ ..] => (0..=path.len()).any(|from| plainly(rest, &path[from..])),
        [first, rest @ ..] => path.first() == Some(first) && plainly(rest, &path[1..]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300), path in ".{0,40}") {
        let rules = RobotsRules::read(&bytes);
        let _ = (rules.allow(&path), rules.crawl_delay());
    }

    #[test]
    fn likely_bytes_are_read(bytes in likely(), path in "[/ab*$%é]{0,20}") {
        let rules = RobotsRules::read(&bytes);
        let _ = rules.allow(&path);
        prop_assert!(rules.crawl_delay().is_none_or(|delay| delay <= Duration::from_secs(3_600)));
    }

    #[test]
    fn patterns_match_as_the_rfc_says(pattern in "/[ab*]{0,8}[$]?", path in "/[ab]{0,10}") {
        let rules = RobotsRules::read(format!("User-agent: *\nDisallow: {pattern}").as_bytes());
        prop_assert_eq!(rules.allow(&path), !plainly(pattern.as_bytes(), path.as_bytes()));
    }
}
