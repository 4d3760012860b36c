//! Sites that show a card per number.

use super::pages::frame;
use super::{Answer, fi, gb, nl, se, us};

/// 41 cards, 2 of them premium, one with a wrong flag; class names also stand in the style sheet.
pub(super) fn receive_smss(target: &str) -> Option<Answer> {
    let old = match target {
        "/" => false,
        "/?layout=2021" => true,
        _ => return None,
    };
    let mut body = String::from(
        "<style>div.number-boxes-item{x:'+1 202 555 0150'}</style><div class=\"number-boxes row\">",
    );
    for at in 0..41 {
        let (digits, flag) = match at % 3 {
            0 => (us(at), "us"),
            1 => (se(at), "se"),
            _ => (us(700 + at), if at == 2 { "ca" } else { "us" }),
        };
        let premium = !old && (at == 7 || at == 8);
        let (href, label) =
            if premium { ("/register".to_owned(), "Premium") } else { (format!("/sms/{digits}/"), "Open") };
        body += &if old {
            format!(
                "<div class=\"number-boxes-item\"><h4 class=\"number-boxes-itemm-number\">+{digits}</h4>\
                 <a class=\"number-boxes-item-button\" href=\"{href}\">{label}</a></div>"
            )
        } else {
            format!(
                "<div class=\"col number-boxes-item d-flex\"><div class=\"row\"><img src=\"/flags/{flag}.svg\" alt>\
                 <div class=\"col-12\"><div class=\"number-boxes-itemm-number\" style=\"color:#000\">+{digits}</div>\
                 <div class=\"number-boxes-item-country\">{flag}</div></div></div><div class=\"row mt-auto\">\
                 <a class=\"number-boxes1-item-button\" href=\"{href}\">{label}</a></div></div>\n"
            )
        };
    }
    Some(Answer::html(frame("Receive SMS", &(body + "</div>"))))
}

/// 15 a page: 1, 2, a gap, 20; on the first a 14-digit id and a toll-free number; then much text.
pub(super) fn sms24(target: &str) -> Option<Answer> {
    let page = match target {
        "/en/numbers" | "/ru/numbers" | "/en/countries/us" => 1,
        "/en/numbers/page/2" => 2,
        "/en/numbers/page/20" => 20,
        _ => return None,
    };
    let mut body = String::from("<div class=\"row\">");
    for at in 0..15 {
        let (digits, iso) = match (page, at) {
            (1, 3) => ("85298765432101".to_owned(), "hk"),
            (1, 9) => ("18335550123".to_owned(), "us"),
            _ => (us((page - 1) * 15 + at), "us"),
        };
        body += &format!(
            "<div class=\"col-sm-12 col-md-6\"><a class=\"callout m-2\" href=\"/en/numbers/{digits}\">\
             <span class=\"fi fi-{iso}\"></span><h5 class=\"text-secondary\">Country</h5>\
             <div class=\"fw-bold text-primary\">+{digits}</div></a></div>\n"
        );
    }
    body += "</div><ul class=\"pagination\">";
    for link in ["1", "2", "...", "20"] {
        body += &match link {
            "..." => "<li class=\"page-item\"><a class=\"page-link\">...</a></li>".to_owned(),
            "1" => {
                "<li class=\"page-item\"><a class=\"page-link\" href=\"/en/numbers\">1</a></li>".to_owned()
            }
            n => format!(
                "<li class=\"page-item\"><a class=\"page-link\" href=\"/en/numbers/page/{n}\">{n}</a></li>"
            ),
        };
    }
    body += "</ul><p>Why use a number such as +1 202 555 0177 in 2026? Over 10498 inboxes, 1 2 3 4 5 6 7 8 9 10 \
             countries, since 2019-02-06 37 sites.</p><a class=\"page-link\" href=\"/en/numbers/12025550100\">inbox</a>";
    Some(Answer::html(frame("SMS24", &body)))
}

/// Two layouts; "Prev" of page 1 leads to page 1; page 4, to which nothing leads, answers 429; a country without numbers.
pub(super) fn temp_number(target: &str) -> Option<Answer> {
    let (country, page) = target.strip_prefix("/countries/")?.split_once('/').unwrap_or((&target[11..], "1"));
    let page: usize = page.parse().ok()?;
    if (country, page) == ("united-kingdom", 4) {
        let mut answer = Answer::new(429, "text/html", frame("Slow down", "<h1>429</h1>"));
        answer.headers.push(("retry-after", "120".to_owned()));
        return Some(answer);
    }
    let count = match (country, page) {
        ("united-kingdom", 1..=3) | ("united-states", 1) => 20,
        ("netherlands", 1) => 0,
        _ => return None,
    };
    let modern = country == "united-states" || page == 3;
    let next = page + 1;
    let mut body = match (country, page) {
        ("united-kingdom", 1..=2) => {
            format!("<link rel=\"next\" href=\"https://temp-number.com/countries/{country}/{next}\">")
        }
        _ => String::new(),
    };
    let previous = page.saturating_sub(1).max(1);
    body += &format!(
        "<a href=\"/countries/{country}/{previous}\">Prev</a> Page {page} of 125\
         <input type=\"text\" placeholder=\"+44 7400 199999\" data-number=\"447400199999\">"
    );
    for at in 0..count {
        let digits = if country == "united-states" { us(300 + at) } else { gb((page - 1) * 20 + at) };
        body += &if modern {
            format!(
                "<article class=\"number-card\"><a href=\"/temporary-numbers/x/{digits}\">\
                 <span class=\"number-card__number\">{digits}</span></a><i class=\"number-card__msgs\">12</i></article>"
            )
        } else {
            format!(
                "<div class=\"country-box number-card\" data-number=\"{digits}\"><div class=\"ribbon-green\">NEW</div>\
                 <div class=\"add_time-top\">{at} hours ago</div><a class=\"country-link\" \
                 href=\"/temporary-numbers/United-Kingdom/{digits}\"><h4 class=\"card-title\">+{digits}</h4></a></div>"
            )
        };
    }
    Some(Answer::html(frame("Temporary numbers", &body)))
}

/// 20 numbers in sequence with advertisements between; a gate in the same place.
pub(super) fn smstome(target: &str) -> Option<Answer> {
    let (page, modern) = match target {
        "/country/netherlands" => (1, false),
        "/country/netherlands?page=2" => (2, false),
        "/country/netherlands?variant=2026" => (1, true),
        // A page of another country repeats the first list.
        "/country/finland" => (1, false),
        "/country/netherlands?variant=gate" => {
            let gate = "<h1>Sign in</h1><p>These numbers require a free account.</p><form><input name=\"email\"></form>";
            return Some(Answer::html(frame("Sign in", gate)));
        }
        _ => return None,
    };
    let mut body = String::from("<div class=\"pagination\">1 2 3 4 5 6 7 8 9 10 ... 64 65 &raquo;</div>");
    for at in 0..20 {
        let digits = nl((page - 1) * 20 + at);
        let id = 15_390 + at;
        body += &if modern {
            format!(
                "<article class=\"cp-phone-card\"><a class=\"cp-phone-card__number\" href=\"/sms/{id}\">+{digits}</a></article>"
            )
        } else {
            format!(
                "<article class=\"phone-card\"><small>NL</small><div class=\"pc-meta\">NEW Added {at} minutes ago</div>\
                 <a class=\"numbutton\" href=\"https://smstome.com/netherlands/phone/{digits}/sms/{id}\">+{digits}</a></article>"
            )
        };
        if at % 5 == 4 {
            body += "<article class=\"ad-card\"><a href=\"https://ads.example/\">Call +1 202 555 0188 now</a></article>";
        }
    }
    Some(Answer::html(frame("Numbers", &body)))
}

/// A space behind the country code; ages in minutes and months; the page past the end is empty.
pub(super) fn receive_sms_free(target: &str) -> Option<Answer> {
    let (from, count, old) = match target {
        "/" => (0, 24, false),
        "/?layout=old" => (0, 10, true),
        "/regions/2.html" => (24, 12, false),
        "/regions/3.html" => (0, 0, false),
        _ => return None,
    };
    let mut body = String::from(if old {
        "<div class=\"index-case\"><ul class=\"clearfix\">"
    } else {
        "<div id=\"numbersGrid\">"
    });
    for at in from..from + count {
        let (code, national, iso) = if at % 4 == 3 {
            ("1", us(200 + at).split_off(1), "us")
        } else {
            ("358", fi(at).split_off(3), "fi")
        };
        let age = if at % 6 == 5 { "month ago".to_owned() } else { format!("{} min ago", at + 1) };
        let state = if at == 2 { "Offline" } else { "Online" };
        body += &if old {
            format!(
                "<li class=\"wow\"><a href=\"/Free-Finland-Phone-Number/{code}{national}/\">\
                 <h2><span>+{code} {national}</span></h2></a></li>"
            )
        } else {
            format!(
                "<div class=\"card\" data-code=\"{iso}\"><a href=\"/Free-Finland-Phone-Number/{code}{national}/\">\
                 <span class=\"number-text\">+{code} {national}</span><p>{state}</p><p>{age}</p></a></div>"
            )
        };
    }
    body += if old { "</ul></div>" } else { "</div>" };
    body += "<p>Please do not block our JavaScript code</p>";
    Some(Answer::html(frame("Receive SMS free", &body)))
}

/// 10 buttons, 3 of them for registered visitors; relative links with national digits.
pub(super) fn freephonenum(target: &str) -> Option<Answer> {
    let (country, from) = match target {
        "/us" => ("us", 400),
        "/ca" => ("ca", 450),
        "/fake-phone-number-generator" => {
            let invented: String =
                (0..10).map(|at| format!("<div class=\"generated\">+{}</div>", us(500 + at))).collect();
            return Some(Answer::html(frame("Generator", &invented)));
        }
        _ => return None,
    };
    let mut body = String::from("<nav><a href=\"/fake-phone-number-generator\">Generator</a></nav>");
    for at in from..from + 10 {
        let national = us(at).split_off(1);
        let shown = format!("+1 ({}) {}-{}", &national[..3], &national[3..6], &national[6..]);
        let (class, label) = match at % 10 {
            7..=9 => (" disabled", "Register to View"),
            _ => ("", "Open"),
        };
        body += &format!(
            "<a class=\"numbers-btn btn{class}\" href=\"{country}/receive-sms/{national}\"><i class=\"flag-{country}\"></i>\
             <div>{shown}</div><span class=\"sms-count\">SMS today: 0</span><b>{label}</b></a>"
        );
    }
    Some(Answer::html(frame("Free phone numbers", &body)))
}

/// Seven numbers.
pub(super) fn sms_online(target: &str) -> Option<Answer> {
    (target == "/receive-free-sms").then(|| {
        let card = |at: usize| {
            let digits = if at < 4 { us(600 + at) } else { se(40 + at) };
            let (code, rest) = digits.split_at(if at < 4 { 1 } else { 2 });
            format!(
                "<div class=\"number-boxes-item\"><h4 class=\"number-boxes-item-number\">+{code} {rest}</h4>\
                 <h5 class=\"number-boxes-item-country\">Country</h5>\
                 <a href=\"https://sms-online.co/receive-free-sms/{digits}\">Read</a></div>"
            )
        };
        Answer::html(frame("SMS online", &(0..7).map(card).collect::<String>()))
    })
}
