//! Policy files: read at the start, and again when they have changed.

use std::io;
use std::path::{Path, PathBuf};

use crate::core::policy::{self, Policies, PolicyError, Reading};

use super::{ConfigError, read};

/// The policies of a file.
pub fn policies(file: &Path) -> Result<Policies, ConfigError> {
    of_text(file, &read(file)?)
}

/// What a policy file comes to, with everything that can be said about it.
pub fn policy_reading(file: &Path) -> Result<Reading, ConfigError> {
    Ok(policy::read(&read(file)?))
}

fn of_text(file: &Path, text: &str) -> Result<Policies, ConfigError> {
    let path = file.display().to_string();
    let Reading { policies, problems } = policy::read(text);
    let Some(policies) = policies else {
        let refused = problems.into_iter().filter(|problem| problem.refused).collect();
        return Err(ConfigError::Policy { path, error: PolicyError(refused) });
    };
    for doubt in problems {
        tracing::warn!(path, "policy: {doubt}");
    }
    Ok(policies)
}

/// A policy file that is looked at again and again.
#[derive(Debug)]
pub struct PolicyFile {
    path: PathBuf,
    /// What was found last: its text, or what kept us from it.
    seen: Result<String, io::ErrorKind>,
}

impl PolicyFile {
    /// Reads the file for the first time.
    pub fn open(path: &Path) -> Result<(Self, Policies), ConfigError> {
        let text = read(path)?;
        let policies = of_text(path, &text)?;
        Ok((Self { path: path.to_owned(), seen: Ok(text) }, policies))
    }

    /// Reads it again: `None` if nothing has changed, so that each change is told once.
    ///
    /// Texts are compared and not times: a ConfigMap is changed by a link, and two changes may share
    /// a second.
    pub fn changed(&mut self) -> Option<Result<Policies, ConfigError>> {
        let read = read(&self.path);
        let seen = match &read {
            Ok(text) => Ok(text.clone()),
            Err(ConfigError::File { error, .. }) => Err(error.kind()),
            Err(_) => Err(io::ErrorKind::InvalidData),
        };
        if seen == self.seen {
            return None;
        }
        self.seen = seen;
        Some(read.and_then(|text| of_text(&self.path, &text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::policy::DEFAULT;

    #[test]
    fn each_change_of_the_file_is_told_once() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let path = folder.path().join("policy.toml");
        let put = |text: &[u8]| std::fs::write(&path, text).unwrap_or_else(|e| panic!("{e}"));
        put(DEFAULT.as_bytes());
        let (mut file, policies) = PolicyFile::open(&path).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(policies, Policies::default());
        assert!(file.changed().is_none());

        put(DEFAULT.replace("challenge = 50", "challenge = 30").as_bytes());
        let strict = file.changed().and_then(Result::ok);
        assert_eq!(strict.map(|policies| policies.usual().thresholds.challenge), Some(30));
        assert!(file.changed().is_none());

        for (wrong, told) in [
            (Some(&b"version = "[..]), "policy.toml"),
            (Some(&b"# \xe9t\xe9"[..]), "is not UTF-8"),
            (None, "cannot read"),
        ] {
            match wrong {
                Some(text) => put(text),
                None => std::fs::remove_file(&path).unwrap_or_else(|e| panic!("{e}")),
            }
            let error = file.changed().and_then(Result::err).map(|error| error.to_string());
            assert!(error.as_ref().is_some_and(|error| error.contains(told)), "{error:?}");
            assert!(file.changed().is_none(), "{told}: told twice");
        }
        put(DEFAULT.as_bytes());
        assert!(file.changed().is_some_and(|read| read.is_ok()));
    }
}
