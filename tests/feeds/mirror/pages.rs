//! Sites in tables and lists, and the frame around every page: menus, scripts, numbers that are no
//! listings.

use super::{Answer, de, fi, gb, se, us};

/// A page with what stands around listings: ids in scripts, an example in a search box, a telephone
/// number in head and foot, the challenge script that normal pages have too.
pub(super) fn frame(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <script src=\"/cdn-cgi/challenge-platform/scripts/main.js\"></script>\
         <script>window.ids=['+491713920099','12025550198'];var n='<div class=\"number-boxes-item\">+1 202 555 0197</div>'</script>\
         </head><body><header><a href=\"tel:+12025550196\">+1 202 555 0196</a></header>\
         <form><input placeholder=\"Search, for example +12025550195\"></form>\n{body}\n\
         <!-- <div class=\"number-boxes-item\"><h4>+12025550194</h4></div> -->\
         <footer><div class=\"Cell\"><a href=\"https://wa.me/12025550193\">+1 202 555 0193</a></div>\
         Copyright 2026-02-06 37</footer></body></html>"
    )
}

/// A challenge in place of a page.
pub(super) fn challenge() -> Answer {
    let body = "<!doctype html><html><head><title>Just a moment...</title></head><body>\
                <noscript>Enable JavaScript and cookies to continue</noscript></body></html>";
    let mut answer = Answer::new(403, "text/html", body.to_owned());
    answer.headers.push(("cf-mitigated", "challenge".to_owned()));
    answer
}

/// 10 rows, 3 of them junk of 1970.
pub(super) fn jiemahao(target: &str) -> Option<Answer> {
    (target == "/phone-numbers/").then(|| {
        let row = |at: usize| {
            let (number, age) = match at {
                2 | 5 | 8 => ("+100".to_owned(), "01/01/1970".to_owned()),
                _ => (format!("+1 {}", us(250 + at).split_off(1)), format!("{} 小时前", at + 1)),
            };
            format!(
                "<li><a class=\"article-title\" href=\"/sms/?phone={}\">{number}</a><span class=\"tit\">{age}</span></li>",
                19 + at
            )
        };
        let rows: String = (0..10).map(row).collect();
        Answer::html(frame("接码号", &format!("<div class=\"tagslist\"><ul>{rows}</ul></div>")))
    })
}

/// Cards with the age right behind the number; the table of former years.
pub(super) fn receivesms_co(target: &str) -> Option<Answer> {
    let (from, count) = match target {
        "/active-numbers/" | "/active-numbers/?layout=2022" => (0, 20),
        "/us-phone-numbers/us/" => (100, 20),
        "/us-phone-numbers/us/2/" => (120, 8),
        _ => return None,
    };
    let old = target.ends_with("2022");
    let row = |at: usize| {
        let digits = us(at);
        let shown = format!("+1 {}-{}-{}", &digits[1..4], &digits[4..7], &digits[7..]);
        if old {
            return format!(
                "<tr><td><a data-clipboard-text=\"+{digits}\" href=\"/us-phone-number/{at}/\">Read received SMS</a></td></tr>"
            );
        }
        format!(
            "<a class=\"card card-link\" href=\"/us-phone-number/{at}/\"><img class=\"flag\" title=\"US\" src=\"/f.png\">\
             <strong>{shown}</strong>{} days ago</a>",
            at % 7 + 1
        )
    };
    let rows: String = (from..from + count).map(row).collect();
    let rows = if old { format!("<table class=\"table table-hover\">{rows}</table>") } else { rows };
    Some(Answer::html(frame("Active numbers", &rows)))
}

/// 12 cells, one with a misspelt country; a cell with an e-mail address only.
pub(super) fn receive_sms_online(target: &str) -> Option<Answer> {
    (target == "/").then(|| {
        let cell = |at: usize| {
            let (digits, country) = match at % 4 {
                0 => (gb(500 + at), if at == 4 { "United Kindgom" } else { "UnitedKingdom" }),
                1 => (se(60 + at), "Sweden"),
                2 => (de(at), "Germany"),
                _ => (fi(100 + at), "Finland"),
            };
            format!(
                "<div class=\"Cell\"><a href=\"{digits}-{country}\"><img src=\"/f.png\"> +{digits}</a></div>"
            )
        };
        let cells: String = (0..12).map(cell).collect();
        let mail = "<div class=\"Cell\">contact: support@example.org</div>";
        Answer::html(frame("Receive SMS online", &format!("<div class=\"Table\">{cells}{mail}</div>")))
    })
}

/// Pages of boxes; the list of countries has the same classes.
pub(super) fn temporary_phone_number(target: &str) -> Option<Answer> {
    const CLASS: &str = "col-sm-6 col-md-4 col-lg-3 col-xs-12";
    let box_of = |title: &str, href: &str, text: &str| {
        format!(
            "<div class=\"{CLASS}\"><a title=\"{title}\" href=\"{href}\"><div class=\"info-box\">\
             <span class=\"info-box-number\">{text}</span></div></a></div>"
        )
    };
    let number = |country: &str, digits: &str, code: usize| {
        let shown = format!("+{} {}", &digits[..code], &digits[code..]);
        box_of(
            &format!("{country} Phone Number {shown}"),
            &format!("/{country}-Phone-Number/{digits}"),
            &shown,
        )
    };
    let body: String = match target {
        "/UK-Phone-Number/" => (0..24).map(|at| number("UK", &gb(700 + at), 2)).collect(),
        "/UK-Phone-Number/page2" => (24..30).map(|at| number("UK", &gb(700 + at), 2)).collect(),
        // Page 2 repeated for any number.
        "/UK-Phone-Number/page3" => (24..30).map(|at| number("UK", &gb(700 + at), 2)).collect(),
        "/US-Phone-Number/" => (0..10).map(|at| number("US", &us(650 + at), 1)).collect(),
        "/countrys/" => ["UK", "US", "Sweden"]
            .iter()
            .map(|name| box_of(name, &format!("/{name}-Phone-Number/"), name))
            .collect(),
        _ => return None,
    };
    Some(Answer::html(frame("Temporary phone number", &body)))
}

/// Boxes, or links under tabs.
pub(super) fn seven_sim(target: &str) -> Option<Answer> {
    let item = |at: usize| {
        let digits = if at < 5 { us(320 + at) } else { fi(200 + at) };
        (digits.clone(), format!("<a href=\"/free-phone-number-{digits}\">+{digits}</a>"))
    };
    let body: String = match target {
        "/" => (0..9)
            .map(|at| format!("<div class=\"js-numbers-item col-sm-12 col-md-4\">{}</div>", item(at).1))
            .collect(),
        "/?layout=tabs" => {
            let links: String = (0..9).map(|at| item(at).1).collect();
            format!("<div id=\"tabUS\">{links}</div>")
        }
        _ => return None,
    };
    Some(Answer::html(frame("7sim", &format!("<h4 class=\"titlecoutry\">Numbers</h4>{body}"))))
}

/// Digits as letters of the Yi script, which a font draws as digits.
pub(super) fn mytempsms(target: &str) -> Option<Answer> {
    target.starts_with("/receive-sms-online/country.html").then(|| {
        let row = |at: usize| {
            let yi = |c: char| c.to_digit(10).and_then(|digit| char::from_u32(0xa000 + digit)).unwrap_or(c);
            let shown: String = format!("+{}", us(800 + at)).chars().map(yi).collect();
            format!(
                "<div class=\"n\"><a href=\"/receive-sms-online/us-phone-number-{at}.html\">{shown}</a></div>"
            )
        };
        Answer::html(frame("Numbers", &(0..6).map(row).collect::<String>()))
    })
}
