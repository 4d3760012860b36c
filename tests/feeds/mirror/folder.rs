//! A folder with which `numguard serve` collects from the mirror: definitions and configuration.
//!
//! The definitions are the shipped ones but for what a mirror needs: its addresses, all of them on, a
//! pace of a second, a band for its few rows. They can reach nothing but the mirror.

use std::fs;
use std::path::{Path, PathBuf};

use numguard::feed::definition::{Definition, SHIPPED};

use super::answer;
use super::proxy::{Mirror, SUFFIX};

/// Writes `feeds/` and `numguard.toml`; answers the path of the latter and the feeds' names.
pub(crate) fn write(folder: &Path, mirror: &Mirror) -> (PathBuf, Vec<String>) {
    let feeds = folder.join("feeds");
    fs::create_dir_all(&feeds).unwrap();
    let mut names = Vec::new();
    for (file, text) in SHIPPED {
        let definition = Definition::parse(file, text).unwrap();
        let first = &definition.urls[0];
        let target = &first[url::Position::BeforePath..];
        let mirrored = answer(first.host_str().unwrap(), target).status == 200;
        if mirrored {
            names.push(definition.name.to_string());
        }
        fs::write(feeds.join(file), mirrored_text(text, mirrored)).unwrap();
    }
    let config = folder.join("numguard.toml");
    let text = format!(
        "# Collects from the mirror, and from nowhere else.\nwarm_up = false\nstarter_data = false\n\n[collect]\n\
         enabled = true\ncontact_url = \"https://contact.example/numguard\"\nproxy = \"http://{}\"\nfeeds_dir = {:?}\n",
        mirror.address,
        fs::canonicalize(&feeds).unwrap(),
    );
    fs::write(&config, text).unwrap();
    (config, names)
}

/// A shipped definition as the mirror needs it; one that has no mirror is off.
fn mirrored_text(text: &str, mirrored: bool) -> String {
    let mut lines = Vec::new();
    let mut layouts = false;
    for line in text.lines() {
        layouts |= line.starts_with('[');
        let key = line.split_once(" = ").map_or("", |(key, _)| key);
        if layouts {
            lines.push(line.to_owned());
            continue;
        }
        match key {
            "enabled" | "disabled_because" | "pace_seconds" => {}
            "band" => {
                lines.push("pace_seconds = 1\nband = { min = 2, max = 199000 }".to_owned());
                if !mirrored {
                    lines.push(
                        "enabled = false\ndisabled_because = \"the mirror has no page of it\"".to_owned(),
                    );
                }
            }
            _ => lines.push(elsewhere(line)),
        }
    }
    lines.join("\n") + "\n"
}

/// Addresses of the mirror in place of the site's.
fn elsewhere(line: &str) -> String {
    let mut parts = line.split("\"https://");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (host, path) = part.split_once('/').unwrap();
        text += &format!("\"http://{host}{SUFFIX}/{path}");
    }
    text
}
