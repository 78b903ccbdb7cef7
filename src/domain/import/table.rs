//! A file that is imported: its columns, and its rows in stretches, read by a thread of its own, so that no file,
//! however slow, holds up anything else.

use super::columns::{Columns, Known};
use super::csv::{Broken, Reader, Row};
use super::report::{Problem, RefusedRow};
use crate::error::{Error, Result};
use std::io::Read;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Most rows of a stretch: they become one statement.
pub const STRETCH_ROWS: usize = 1_000;
/// Bytes of text after which a stretch ends before that.
const STRETCH_BYTES: usize = 1 << 20;

/// A file to import, and the name that the report calls it by.
pub struct Source {
    pub name: String,
    pub content: Box<dyn Read + Send>,
}

/// A file whose header was read.
pub struct Table {
    pub file: Arc<str>,
    pub columns: Columns,
    rows: mpsc::Receiver<Result<Vec<Row>, Broken>>,
}

impl Table {
    /// Reads a file's header. Answers the refusal of a header that cannot be taken.
    pub async fn open(source: Source, known: &[Known]) -> Result<Result<Self, RefusedRow>> {
        let file: Arc<str> = source.name.into();
        // Two stretches wait while one is worked on: that bounds the memory, whatever the size of the file.
        let (sender, mut rows) = mpsc::channel(2);
        let read = move || read_all(source.content, &sender);
        std::thread::Builder::new().name("import".into()).spawn(read).map_err(Error::internal)?;
        let header = match rows.recv().await {
            Some(Ok(header)) => header.into_iter().next(),
            Some(Err(broken)) => return Ok(Err(broken.refused(&file))),
            None => None,
        };
        let Some(header) = header else {
            let names: Vec<_> =
                known.iter().filter(|column| column.required).map(|column| column.name).collect();
            let why =
                format!("the file is empty; its first line names the columns, at least {}", names.join(","));
            return Ok(Err(Broken { line: 1, why }.refused(&file)));
        };
        match Columns::of(&header, known) {
            Ok(columns) => Ok(Ok(Self { file, columns, rows })),
            Err(problems) => Ok(Err(RefusedRow { file, line: header.line, problems })),
        }
    }

    /// The next stretch of rows; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Vec<Row>, RefusedRow>> {
        Some(self.rows.recv().await?.map_err(|broken| broken.refused(&self.file)))
    }
}

impl Broken {
    fn refused(self, file: &Arc<str>) -> RefusedRow {
        RefusedRow { file: file.clone(), line: self.line, problems: vec![Problem::whole(self.why)] }
    }
}

/// Sends all rows, the header first and alone; ends early where nobody listens any more.
fn read_all(content: impl Read, sender: &mpsc::Sender<Result<Vec<Row>, Broken>>) {
    let mut reader = match Reader::open(content) {
        Ok(reader) => reader,
        Err(broken) => return drop(sender.blocking_send(Err(broken))),
    };
    let mut most = 1;
    loop {
        let (rows, broken) = read_stretch(&mut reader, most);
        let over = rows.is_empty() || broken.is_some();
        if !rows.is_empty() && sender.blocking_send(Ok(rows)).is_err() {
            return;
        }
        if let Some(broken) = broken {
            let _ = sender.blocking_send(Err(broken));
        }
        if over {
            return;
        }
        most = STRETCH_ROWS;
    }
}

fn read_stretch(reader: &mut Reader<impl Read>, most: usize) -> (Vec<Row>, Option<Broken>) {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while rows.len() < most && bytes < STRETCH_BYTES {
        match reader.next() {
            Ok(Some(row)) => {
                bytes += row.cells.iter().map(|cell| cell.text.len()).sum::<usize>();
                rows.push(row);
            }
            Ok(None) => break,
            Err(broken) => return (rows, Some(broken)),
        }
    }
    (rows, None)
}
