//! Who asks, and the longest texts that an operator may give.

use super::OperateError;
use super::audit::Asked;

/// The longest reason of a decision, in bytes.
pub const LONGEST_REASON: usize = 500;

/// The longest author of a change, in bytes.
pub const LONGEST_AUTHOR: usize = 100;

/// Who asked, as they say: `author` is the operator's own word, `client` the name of the key that was shown.
pub fn asked(author: &str, request_id: &str, client: String) -> Result<Asked, OperateError> {
    at_most("author", author, LONGEST_AUTHOR)?;
    let (author, request_id) = (author.to_owned(), request_id.to_owned());
    Ok(Asked { author, request_id, client, undoes: 0 })
}

/// Refuses a text of more than `longest` bytes.
pub fn at_most(field: impl Into<String>, text: &str, longest: usize) -> Result<(), OperateError> {
    if text.len() <= longest {
        return Ok(());
    }
    Err(OperateError::invalid(field, format!("is {} bytes long: expected at most {longest}", text.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_may_have_a_hundred_bytes() {
        let longest = "a".repeat(LONGEST_AUTHOR);
        assert_eq!(asked(&longest, "r", String::new()).ok().map(|asked| asked.author), Some(longest.clone()));
        let error = asked(&(longest + "a"), "r", String::new()).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("author: is 101 bytes long: expected at most 100"));
    }
}
