//! A row under examination: each column is taken through its rule, and whatever is wrong is gathered.

use super::columns::Columns;
use super::csv::Row;
use super::report::{Problem, RefusedRow};
use crate::error::{Error, Result};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A row, its columns, and what is wrong with it so far.
pub struct Examined<'t> {
    pub line: u64,
    row: &'t Row,
    columns: &'t Columns,
    problems: Vec<(u64, Problem)>,
}

impl<'t> Examined<'t> {
    /// Begins with what holds for every row: so many cells, each of them text. `None` where nothing stands.
    pub fn begin(row: &'t Row, columns: &'t Columns) -> Option<Self> {
        if row.cells.iter().all(|cell| cell.text.trim().is_empty()) {
            return None;
        }
        let mut examined = Self { line: row.line, row, columns, problems: Vec::new() };
        let (cells, expected) = (row.cells.len(), columns.count());
        if cells != expected {
            let why = format!("the row has {}, the header has {expected}", count(cells, "cell"));
            examined.problems.push((row.line, Problem::whole(why)));
        }
        for (index, cell) in row.cells.iter().enumerate() {
            if let Some(fault) = cell.fault {
                examined.problems.push((cell.line, Problem::value(columns.name(index), &cell.text, fault)));
            }
        }
        Some(examined)
    }

    /// Whether anything is wrong.
    pub fn is_refused(&self) -> bool {
        !self.problems.is_empty()
    }

    /// What stands in a column; `None` if nothing does, or there is no such column.
    pub fn text(&self, column: &str) -> Option<&'t str> {
        let cell = self.row.cells.get(self.columns.index(column)?)?;
        Some(cell.text.trim()).filter(|text| !text.is_empty())
    }

    /// Takes a column that must hold something.
    pub fn require<T>(&mut self, column: &str, rule: impl FnOnce(&str) -> Result<T>) -> Option<T> {
        let text = self.text(column).unwrap_or_default();
        self.judge(column, rule(text))
    }

    /// Takes a column that may be empty.
    pub fn allow<T>(&mut self, column: &str, rule: impl FnOnce(&str) -> Result<T>) -> Option<T> {
        let text = self.text(column)?;
        self.judge(column, rule(text))
    }

    fn judge<T>(&mut self, column: &str, judged: Result<T>) -> Option<T> {
        judged.map_err(|error| self.refuse(column, words(&error))).ok()
    }

    /// Notes that what stands in a column cannot be taken.
    pub fn refuse(&mut self, column: &str, why: impl Into<String>) {
        let cell = self.columns.index(column).and_then(|index| self.row.cells.get(index));
        let (line, text) = cell.map_or((self.line, ""), |cell| (cell.line, cell.text.trim()));
        // A cell that is not text was noted as such.
        if cell.is_none_or(|cell| cell.fault.is_none()) {
            self.problems.push((line, Problem::value(column, text, why)));
        }
    }

    /// What stands in the further columns, as it stands there.
    pub fn details(&self) -> Value {
        let further = self.columns.further().filter_map(|(index, name)| {
            let cell = self.row.cells.get(index).filter(|cell| !cell.text.is_empty())?;
            Some((name.to_owned(), Value::String(cell.text.clone())))
        });
        Value::Object(further.collect::<Map<_, _>>())
    }

    /// The line of the report, if anything is wrong. It names the line of the first thing that is.
    pub fn refused(self, file: &Arc<str>) -> Option<RefusedRow> {
        let line = self.problems.first()?.0;
        let problems = self.problems.into_iter().map(|(_, problem)| problem).collect();
        Some(RefusedRow { file: file.clone(), line, problems })
    }
}

/// `1 cell`, `2 cells`.
pub fn count(many: usize, thing: &str) -> String {
    format!("{many} {thing}{}", if many == 1 { "" } else { "s" })
}

/// What a rule says, without its full stop, so that it fits into a line of the report.
fn words(error: &Error) -> String {
    let message = match error {
        Error::Refused(refusal) => refusal.message.as_str(),
        Error::Stop(stop) => stop.message.as_str(),
        Error::Internal(_) => error.code().message(),
    };
    message.trim_end_matches('.').to_owned()
}
