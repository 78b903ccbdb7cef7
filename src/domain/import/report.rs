//! The report of an import: which rows are refused, and why.

use std::fmt;
use std::sync::Arc;

/// Most rows that are told one by one; of the rest there is a count.
pub const MOST_TOLD: u64 = 1_000;
/// Most characters of a value that are shown.
const MOST_SHOWN: usize = 80;

/// A row that is refused, or a whole file: then `line` is where its trouble begins.
#[derive(Clone, Debug, PartialEq)]
pub struct RefusedRow {
    pub file: Arc<str>,
    /// As an editor counts, from 1.
    pub line: u64,
    pub problems: Vec<Problem>,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The column; none if it is the row as a whole.
    pub column: Option<String>,
    /// What stands there; none if it is about the column itself.
    pub value: Option<String>,
    /// A sentence for people, without a full stop.
    pub why: String,
}

impl Problem {
    /// With a row or a file as a whole.
    pub fn whole(why: impl Into<String>) -> Self {
        Self { column: None, value: None, why: why.into() }
    }

    /// With a column of the header.
    pub fn column(column: &str, why: impl Into<String>) -> Self {
        Self { column: Some(column.to_owned()), value: None, why: why.into() }
    }

    /// With what stands in a column.
    pub fn value(column: &str, value: &str, why: impl Into<String>) -> Self {
        Self { column: Some(column.to_owned()), value: Some(value.to_owned()), why: why.into() }
    }
}

/// `people.csv:7: email "bob@": This is not an email address; kind "BOSS": is not one of …`
impl fmt::Display for RefusedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        for (index, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if index > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.column, &self.value) {
            (Some(column), Some(value)) => write!(f, "{} {}: {}", plain(column), shown(value), self.why),
            (Some(column), None) => write!(f, "{}: {}", plain(column), self.why),
            (None, _) => f.write_str(&self.why),
        }
    }
}

/// A value between quotation marks: cut, and with nothing in it that a terminal obeys.
fn shown(value: &str) -> String {
    match value.char_indices().nth(MOST_SHOWN) {
        Some((cut, _)) => format!("{:?}…", value.get(..cut).unwrap_or_default()),
        None => format!("{value:?}"),
    }
}

/// The same without quotation marks, for names.
fn plain(name: &str) -> String {
    shown(name).trim_matches('"').to_owned()
}

/// Hands each refused row on as it is found, the first [`MOST_TOLD`] of them, and counts them all.
pub struct Report<'a> {
    tell: Box<dyn FnMut(&RefusedRow) + Send + 'a>,
    refused: u64,
}

impl<'a> Report<'a> {
    /// `tell` gets the rows. It must not block.
    pub fn new(tell: impl FnMut(&RefusedRow) + Send + 'a) -> Self {
        Self { tell: Box::new(tell), refused: 0 }
    }

    /// How many rows are refused.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// How many of them were not told.
    pub fn untold(&self) -> u64 {
        self.refused.saturating_sub(MOST_TOLD)
    }

    /// Takes the refused rows of one stretch of a file, and tells them in the order of the file.
    pub(super) fn refuse(&mut self, mut rows: Vec<RefusedRow>) {
        rows.sort_by_key(|row| row.line);
        for row in rows {
            self.refused += 1;
            if self.refused <= MOST_TOLD {
                (self.tell)(&row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_row_is_one_line_that_a_terminal_can_show() {
        let problems = vec![
            Problem::value("email", "bob@\n\u{1b}[31m\u{202e}", "This is not an email address"),
            Problem::value("name", &"é".repeat(81), "This is long"),
            Problem::column("kind", "is missing"),
            Problem::whole("3 cells"),
        ];
        let row = RefusedRow { file: "people.csv".into(), line: 7, problems };
        let expected = format!(
            r#"people.csv:7: email "bob@\n\u{{1b}}[31m\u{{202e}}": This is not an email address; name "{}"…: This is long; kind: is missing; 3 cells"#,
            "é".repeat(80)
        );
        assert_eq!(row.to_string(), expected);
    }

    #[test]
    fn the_report_is_cut_and_counts_the_rest() {
        let mut told = Vec::new();
        let mut report = Report::new(|row| told.push(row.line));
        let row = |line| RefusedRow { file: "x".into(), line, problems: Vec::new() };
        report.refuse(vec![row(3), row(2)]);
        report.refuse((4..1_010).map(row).collect());
        assert_eq!((report.refused(), report.untold()), (1_008, 8));
        drop(report);
        assert_eq!((told.len(), told.first()), (1_000, Some(&2)));
    }
}
