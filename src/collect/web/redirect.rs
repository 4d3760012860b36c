//! Where a redirect may lead: the same site, a few steps, never back and never out of TLS.
//!
//! A site is the asked host with or without `www.`, what lies below it, and the mirrors that the
//! request names with what lies below them. A parent domain must be named: which part of a name
//! can be registered is a list that changes weekly, and we would rather ask the author of a feed.
//! Must not fetch.

use reqwest::Url;

use super::FetchError;
use super::address::check_url;
use super::shown::{shown, shown_text};

/// RFC 9309 asks for at least five for robots.txt; pages get no more.
const MAX_STEPS: usize = 5;

/// The hosts that one operator names as one site.
#[derive(Debug, Clone)]
pub(crate) struct Site(Vec<String>);

impl Site {
    /// The site of `url`, with its mirrors.
    pub(crate) fn new(url: &Url, mirrors: &[String]) -> Result<Self, FetchError> {
        let mut hosts = vec![bare(url.host_str().unwrap_or_default()).to_owned()];
        for mirror in mirrors {
            // Parsed as a URL's host is, so that both have the same case and script.
            let read = Url::parse(&format!("https://{mirror}/")).ok();
            let host = read.as_ref().and_then(|url| (url.path() == "/").then(|| url.host_str()).flatten());
            let why = "expected the host name of a mirror";
            let host = host.ok_or_else(|| FetchError::Url { url: shown_text(mirror), why })?;
            hosts.push(bare(host).to_owned());
        }
        Ok(Self(hosts))
    }

    fn has(&self, url: &Url) -> bool {
        let host = bare(url.host_str().unwrap_or_default());
        let below = |site: &str| host.strip_suffix(site).is_some_and(|rest| rest.ends_with('.'));
        self.0.iter().any(|site| host == site || (site.contains('.') && below(site)))
    }
}

/// Without the root's dot and `www.`.
fn bare(host: &str) -> &str {
    let host = host.trim_end_matches('.');
    host.strip_prefix("www.").unwrap_or(host)
}

/// The URLs asked for one page, first to last.
#[derive(Debug)]
pub(crate) struct Trail {
    site: Site,
    here: Url,
    before: Vec<Url>,
    allow_loopback: bool,
}

impl Trail {
    /// Begins at `url`.
    pub(crate) fn new(mut url: Url, site: Site, allow_loopback: bool) -> Self {
        url.set_fragment(None);
        Self { site, here: url, before: Vec::new(), allow_loopback }
    }

    /// The URL to ask now.
    pub(crate) fn here(&self) -> &Url {
        &self.here
    }

    /// Goes where a redirect says, if it may.
    pub(crate) fn follow(&mut self, location: Option<&str>) -> Result<(), FetchError> {
        let refused = |why: String| FetchError::Redirect { url: shown(self.here()), why };
        let location = location.ok_or_else(|| refused("it does not say where to".to_owned()))?;
        let next = self.here().join(location);
        let mut next = next.map_err(|_| refused(format!("{} is no URL", shown_text(location))))?;
        next.set_fragment(None);
        check_url(&next, self.allow_loopback).map_err(|error| refused(error.to_string()))?;
        if self.here().scheme() == "https" && next.scheme() == "http" {
            return Err(refused(format!("{} is without TLS", shown(&next))));
        }
        if !self.site.has(&next) {
            return Err(refused(format!(
                "{} is another site; if it is not, name it as a mirror",
                shown(&next)
            )));
        }
        if self.here == next || self.before.contains(&next) {
            return Err(refused(format!("{} was asked before: a loop", shown(&next))));
        }
        if self.before.len() == MAX_STEPS {
            return Err(refused(format!("more than {MAX_STEPS} in a row")));
        }
        self.before.push(std::mem::replace(&mut self.here, next));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follows(from: &str, mirrors: &[&str], location: &str) -> Result<String, String> {
        let mirrors: Vec<_> = mirrors.iter().map(|mirror| (*mirror).to_owned()).collect();
        let from = Url::parse(from).map_err(|error| error.to_string())?;
        let site = Site::new(&from, &mirrors).map_err(|error| error.to_string())?;
        let mut trail = Trail::new(from, site, false);
        trail.follow(Some(location)).map_err(|error| error.to_string())?;
        Ok(trail.here().to_string())
    }

    #[test]
    fn a_site_is_its_host_what_lies_below_it_and_its_mirrors() {
        let from = "https://www.sms.example/a";
        for (mirrors, location, expected) in [
            (&[][..], "/b#x", "https://www.sms.example/b"),
            (&[], "https://sms.example/", "https://sms.example/"),
            (&[], "https://WWW.SMS.example./b", "https://www.sms.example./b"),
            (&[], "//de.sms.example/", "https://de.sms.example/"),
            (&["Other.example"], "https://www.other.example/", "https://www.other.example/"),
        ] {
            assert_eq!(follows(from, mirrors, location).as_deref(), Ok(expected));
        }
        for (mirrors, location, why) in [
            (&[][..], "https://other.example/", "another site"),
            (&[], "https://notsms.example/", "another site"),
            (&[], "https://sms.example.evil.example/", "another site"),
            (&[], "https://example/", "another site"),
            (&["other.example"], "https://notother.example/", "another site"),
            (&[], "http://www.sms.example/a", "without TLS"),
            (&[], "https://www.sms.example:8443/", "ports 80 and 443"),
            (&[], "https://me:secret@www.sms.example/", "log-in"),
            (&[], "https://169.254.169.254/latest", "not on the public internet"),
            (&[], "file:///etc/passwd", "only http and https"),
            (&[], "https://www.sms.example/a#again", "a loop"),
            (&["a/b"], "/b", "host name of a mirror"),
        ] {
            let refused = follows(from, mirrors, location).err().unwrap_or_default();
            assert!(refused.contains(why) && !refused.contains("secret"), "{location}: {refused}");
        }
    }
}
