//! Text that people type: what is taken, and in which form it is kept.

use crate::error::{Refusal, Result};
use unicode_normalization::UnicodeNormalization;

/// One line of 1 to `max` characters, trimmed and in NFC. Refuses what could break out of a mail's header or a
/// log's line: control characters, line and paragraph separators, and encoded words.
pub fn line(field: &str, text: &str, max: usize) -> Result<String> {
    let text: String = text.trim().nfc().collect();
    if text.chars().all(is_invisible) {
        return Err(Refusal::input(field, "This must not be empty.").into());
    }
    if text.chars().count() > max {
        return Err(Refusal::input(field, format!("This has more than {max} characters.")).into());
    }
    if text.chars().any(breaks_a_line) || text.contains("=?") {
        return Err(Refusal::input(
            field,
            "This has a character that cannot be taken (such as a line break).",
        )
        .into());
    }
    Ok(text)
}

/// Text of any number of lines, up to `max` characters, in NFC. Refuses what [`line`] refuses, but for line breaks and tabs;
/// a line ends with a line feed, however it was sent.
pub fn paragraphs(field: &str, text: &str, max: usize) -> Result<String> {
    let text: String = text.trim().replace("\r\n", "\n").nfc().collect();
    if text.chars().count() > max {
        return Err(Refusal::input(field, format!("This has more than {max} characters.")).into());
    }
    if text.chars().any(|c| breaks_a_line(c) && !matches!(c, '\n' | '\t')) {
        return Err(Refusal::input(field, "This has a character that cannot be taken.").into());
    }
    Ok(text)
}

/// What takes no room: a text of nothing else says nothing.
fn is_invisible(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}')
}

/// Control characters, separators, and what turns the direction of text around.
fn breaks_a_line(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// An email address: NFKC, its domain in lower-case ASCII (IDNA), so that two ways to write it compare as one.
pub fn email(field: &str, text: &str) -> Result<String> {
    let refuse = || Refusal::input(field, "This is not an email address.");
    let text: String = line(field, text, 254)?.nfkc().collect();
    let (local, domain) = text.rsplit_once('@').ok_or_else(refuse)?;
    let domain = idna::domain_to_ascii_strict(domain).map_err(|_| refuse())?;
    let address = format!("{local}@{domain}");
    let plain = !local.is_empty()
        && local.len() <= 64
        && !local.contains(['@', '"', '(', ')', '<', '>', ',', ';', ':', '\\', ' ']);
    if !plain || !domain.contains('.') || address.parse::<lettre::Address>().is_err() {
        return Err(refuse().into());
    }
    Ok(address)
}

/// What somebody signs in with: an address or a user ID in the form in which it is kept.
pub fn login(text: &str) -> String {
    email("username", text).unwrap_or_else(|_| text.trim().nfc().collect())
}

/// A user ID: 2 to 64 letters, digits, `.`, `_` or `-`.
pub fn handle(field: &str, text: &str) -> Result<String> {
    let text = line(field, text, 64)?;
    let fits = text.chars().count() >= 2
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if !fits {
        return Err(Refusal::input(field, "A user ID has 2 to 64 letters, digits, '.', '_' or '-'.").into());
    }
    Ok(text)
}

/// A firm's short name: 1 to 63 of a-z, 0-9 and '-', as in a host name.
pub fn slug(field: &str, text: &str) -> Result<String> {
    let text = line(field, text, 63)?;
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !text.chars().all(inner) || text.starts_with('-') || text.ends_with('-') {
        return Err(Refusal::input(
            field,
            "A short name has 1 to 63 of a-z, 0-9 and '-', and neither begins nor ends with '-'.",
        )
        .into());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abuse_30_what_could_break_out_of_a_header_is_not_a_line() {
        for bad in ["a\rb", "a\nb", "a\0b", "a\u{2028}b", "=?utf-8?q?x?=", "a\u{202e}b", " ", "", "\u{200b}"]
        {
            assert!(line("name", bad, 200).is_err(), "{bad:?}");
        }
        assert_eq!(line("name", " Luís Gonçalves ", 200).ok().as_deref(), Some("Luís Gonçalves"));
    }

    #[test]
    fn addresses_that_look_different_compare_as_one() {
        assert_eq!(email("email", "Ana@BÜCHER.example").ok().as_deref(), Some("Ana@xn--bcher-kva.example"));
        assert_eq!(email("email", "ａna@example.com").ok().as_deref(), Some("ana@example.com"));
        for bad in
            ["", "a", "a@b", "a b@c.de", "a@b.de\r\nBcc: x@y.zz", "\"a\"@b.de", "a@@b.de", "@b.de", "a@.de"]
        {
            assert!(email("email", bad).is_err(), "{bad:?}");
        }
    }
}
