//! A firm's book of business, out of CSV files: people, and clients with their advisers. All of it or nothing.
//!
//! Each file is read by a thread of its own ([`table`], [`csv`]) and comes in stretches of at most 1,000 rows, which
//! bounds the memory. Each row is examined ([`row`]) and, if nothing is wrong, added in the one transaction; what the
//! database leaves out is taken already. A refused row goes to the [`report`] at once and does not end the import:
//! whoever mends the files is to hear of everything. But in the end the transaction is only worth committing if no
//! row was refused. A row is not refused because of another one: clients of an adviser whose own row is refused are
//! let through.
//!
//! What can fail besides: the database; a transaction is never left idle for long, however slowly a file comes.

mod clients;
mod columns;
mod csv;
mod people;
pub mod report;
mod roster;
mod row;
mod store;
mod table;
#[cfg(test)]
mod tests;

pub use report::{Problem, RefusedRow, Report};
pub use row::count;
pub use table::Source;

use crate::error::Result;
use crate::events::{Event, Tx};
use roster::Roster;
use table::Table;
use uuid::Uuid;

/// The files of an import, their headers read and in order.
pub struct Files {
    people: Option<Table>,
    clients: Option<Table>,
}

/// What came of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was added; the transaction is worth committing.
    Imported { people: usize, clients: usize },
    /// Rows were refused; the transaction must be rolled back.
    Refused,
}

impl Files {
    /// Reads the headers. `None` if one of them is refused: the report says why.
    pub async fn open(
        people: Option<Source>,
        clients: Option<Source>,
        report: &mut Report<'_>,
    ) -> Result<Option<Self>> {
        let people = open(people, people::COLUMNS, report).await?;
        let clients = open(clients, clients::COLUMNS, report).await?;
        Ok(if report.refused() == 0 { Some(Self { people, clients }) } else { None })
    }

    /// Per file, its name and the columns that go into the details, as the import has no other place for them.
    pub fn further_columns(&self) -> Vec<(String, Vec<String>)> {
        let named = |table: &Table| {
            (table.file.to_string(), table.columns.further().map(|(_, name)| name.to_owned()).collect())
        };
        [&self.people, &self.clients].into_iter().flatten().map(named).collect()
    }
}

async fn open(
    source: Option<Source>,
    known: &[columns::Known],
    report: &mut Report<'_>,
) -> Result<Option<Table>> {
    let Some(source) = source else { return Ok(None) };
    match Table::open(source, known).await? {
        Ok(table) => Ok(Some(table)),
        Err(refused) => {
            report.refuse(vec![refused]);
            Ok(None)
        }
    }
}

/// Adds people, then clients, to a firm, and records that. With `invite`, each person gets a mail with a registration
/// link; without, they are pending until they ask for one. `LIMIT_REACHED` if they are too many to be invited.
pub async fn run(
    tx: &mut Tx,
    firm: Uuid,
    files: Files,
    invite: bool,
    report: &mut Report<'_>,
) -> Result<Outcome> {
    let (mut roster, mut people, mut clients) = (Roster::new(), 0, 0);
    if let Some(mut table) = files.people {
        people = people::add(tx, firm, &mut table, invite, &mut roster, report).await?;
    }
    if let Some(mut table) = files.clients {
        clients = clients::add(tx, firm, &mut table, &mut roster, report).await?;
    }
    if report.refused() > 0 {
        return Ok(Outcome::Refused);
    }
    if people + clients > 0 {
        tx.record(firm, Event::FirmImported { people, clients });
    }
    Ok(Outcome::Imported { people, clients })
}
