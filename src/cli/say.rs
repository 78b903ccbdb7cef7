//! What commands say to people.

use crate::error::Error;
use std::io::Write;

/// Prints a line. Whoever closed the other end, as `head` does, has read enough: that is no error.
pub fn line(text: impl std::fmt::Display) {
    let _ = could(text);
}

/// The same, for whoever stops when nobody reads any more: `false` then.
pub fn could(text: impl std::fmt::Display) -> bool {
    writeln!(std::io::stdout(), "{text}").is_ok()
}

/// An error of the house, for whoever runs the program: with its cause, where it is a fault of ours.
pub fn error(error: Error) -> anyhow::Error {
    match error {
        Error::Refused(refusal) => match refusal.field.last() {
            Some(field) => anyhow::anyhow!("--{}: {}", flag(field), refusal.message),
            None => anyhow::anyhow!("{}", refusal.message),
        },
        Error::Stop(stop) => anyhow::anyhow!("{} ({})", stop.message, stop.code.as_str()),
        Error::Internal(cause) => anyhow::anyhow!("something went wrong inside: {cause}"),
    }
}

/// The flag that gives an input field.
fn flag(field: &str) -> String {
    match field {
        "displayName" => "name".to_owned(),
        "slug" => "firm".to_owned(),
        other => other
            .chars()
            .flat_map(|c| if c.is_uppercase() { vec!['-', c.to_ascii_lowercase()] } else { vec![c] })
            .collect(),
    }
}

/// Rows of words, the columns under each other.
pub fn table<const N: usize>(rows: &[[String; N]]) {
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or_default()).collect();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        line(cells.join("  ").trim_end());
    }
}
