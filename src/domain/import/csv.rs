//! CSV, row by row, as RFC 4180 has it: UTF-8 (a byte order mark may lead), commas, any of the three line ends.
//!
//! Strict where readers usually mend: a quotation mark that is left open, or text behind one that closes, would
//! swallow rows without a word, so it ends the reading. Never holds more than one row, and no row is longer than
//! [`LONGEST_ROW`]. Line ends inside quotation marks become `\n`.

use std::io::{BufRead, BufReader, Chain, Cursor, ErrorKind, Read};

/// Most bytes of a row.
const LONGEST_ROW: usize = 1 << 20;

/// A row: where it begins, and its cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// As an editor counts, from 1.
    pub line: u64,
    pub cells: Vec<Cell>,
}

/// A cell: where it begins, what it holds, and what is wrong with that.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub line: u64,
    pub text: String,
    pub fault: Option<&'static str>,
}

/// Why the rest of a file cannot be read.
#[derive(Debug, PartialEq)]
pub struct Broken {
    pub line: u64,
    pub why: String,
}

/// Reads rows; blank lines are not rows.
pub struct Reader<R> {
    bytes: BufReader<Chain<Cursor<Vec<u8>>, R>>,
    /// The line of the next byte.
    line: u64,
    /// The byte before was a carriage return: a line feed belongs to it.
    after_return: bool,
}

/// Where in a cell the reader is.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Start,
    Plain,
    Quoted,
    /// Behind a quotation mark that closes, unless another one follows.
    Closed,
}

/// The row that is being read.
struct Draft {
    row: Row,
    cell: Vec<u8>,
    cell_line: u64,
    place: Place,
    length: usize,
}

impl<R: Read> Reader<R> {
    /// Passes over a byte order mark; refuses that of UTF-16.
    pub fn open(mut source: R) -> Result<Self, Broken> {
        let mut start = Vec::new();
        source.by_ref().take(3).read_to_end(&mut start).map_err(|error| unreadable(1, &error))?;
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(Broken { line: 1, why: "the file is UTF-16; save it as \"CSV UTF-8\"".into() });
        }
        if start == b"\xef\xbb\xbf" {
            start.clear();
        }
        let bytes = BufReader::with_capacity(64 << 10, Cursor::new(start).chain(source));
        Ok(Self { bytes, line: 1, after_return: false })
    }

    /// The next row; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Row>, Broken> {
        let mut draft = Draft::new(self.line);
        while let Some(byte) = self.byte()? {
            let ends_row = byte == b'\n' && draft.place != Place::Quoted;
            if !ends_row {
                draft.take(byte, self.line)?;
            }
            self.line += u64::from(byte == b'\n');
            if ends_row && draft.is_blank() {
                draft = Draft::new(self.line);
            } else if ends_row {
                return Ok(Some(draft.finish()));
            }
        }
        match draft.place {
            Place::Quoted => Err(Broken {
                line: draft.cell_line,
                why: "a quotation mark opens here and is never closed".into(),
            }),
            _ if draft.is_blank() => Ok(None),
            _ => Ok(Some(draft.finish())),
        }
    }

    /// The next byte, each line end as one `\n`.
    fn byte(&mut self) -> Result<Option<u8>, Broken> {
        loop {
            let buffer = match self.bytes.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read.map_err(|error| unreadable(self.line, &error))?,
            };
            let Some(&byte) = buffer.first() else { return Ok(None) };
            self.bytes.consume(1);
            let second_half = std::mem::replace(&mut self.after_return, byte == b'\r') && byte == b'\n';
            if !second_half {
                return Ok(Some(if byte == b'\r' { b'\n' } else { byte }));
            }
        }
    }
}

fn unreadable(line: u64, error: &std::io::Error) -> Broken {
    Broken { line, why: format!("the file cannot be read from here on: {error}") }
}

impl Draft {
    fn new(line: u64) -> Self {
        let row = Row { line, cells: Vec::new() };
        Self { row, cell: Vec::new(), cell_line: line, place: Place::Start, length: 0 }
    }

    fn take(&mut self, byte: u8, line: u64) -> Result<(), Broken> {
        self.length += 1;
        if self.length > LONGEST_ROW {
            let why = "this row has more than 1 MiB; is a quotation mark open?";
            return Err(Broken { line: self.row.line, why: why.into() });
        }
        match (self.place, byte) {
            (Place::Start, b'"') => self.place = Place::Quoted,
            (Place::Quoted, b'"') => self.place = Place::Closed,
            (Place::Closed, b'"') => {
                self.cell.push(b'"');
                self.place = Place::Quoted;
            }
            (Place::Quoted, _) => self.cell.push(byte),
            (_, b',') => self.end_cell(line),
            (Place::Closed, _) => {
                let why =
                    "text stands behind a closing quotation mark; inside a quoted cell write it twice (\"\")";
                return Err(Broken { line, why: why.into() });
            }
            (Place::Start | Place::Plain, _) => {
                self.cell.push(byte);
                self.place = Place::Plain;
            }
        }
        Ok(())
    }

    fn end_cell(&mut self, line: u64) {
        let cell = Cell::new(std::mem::take(&mut self.cell), self.cell_line);
        self.row.cells.push(cell);
        (self.cell_line, self.place) = (line, Place::Start);
    }

    fn is_blank(&self) -> bool {
        self.row.cells.is_empty() && self.place == Place::Start
    }

    fn finish(mut self) -> Row {
        self.end_cell(0);
        self.row
    }
}

impl Cell {
    fn new(bytes: Vec<u8>, line: u64) -> Self {
        let nul = bytes.contains(&0).then_some("holds a NUL character");
        match String::from_utf8(bytes) {
            Ok(text) => Self { line, text, fault: nul },
            Err(error) => {
                let (valid, rest) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
                let line = line + valid.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
                let text = format!("{}{}", String::from_utf8_lossy(valid), String::from_utf8_lossy(rest));
                Self { line, text, fault: Some("is not UTF-8; save the file as \"CSV UTF-8\"") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(text: impl Read) -> Result<Vec<(u64, Vec<String>)>, Broken> {
        let mut reader = Reader::open(text)?;
        let mut rows = Vec::new();
        while let Some(row) = reader.next()? {
            rows.push((row.line, row.cells.into_iter().map(|cell| cell.text).collect()));
        }
        Ok(rows)
    }

    fn row(line: u64, cells: &[&str]) -> (u64, Vec<String>) {
        (line, cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn lines_are_counted_as_an_editor_counts_them() {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("\u{feff}a,b{end}{end}\"1{end}2\",\"x, \"\"y\"\"\"{end}3,{end}last,6\"");
            let expected = [
                row(1, &["a", "b"]),
                row(3, &["1\n2", "x, \"y\""]),
                row(5, &["3", ""]),
                row(6, &["last", "6\""]),
            ];
            assert_eq!(rows(text.as_bytes()).as_deref(), Ok(&expected[..]), "{end:?}");
        }
        assert_eq!(rows(&b""[..]), Ok(vec![]));
        assert_eq!(rows(&b"\n\r\n"[..]), Ok(vec![]));
        assert_eq!(rows(&b"\"\"\n"[..]), Ok(vec![row(1, &[""])]));
    }

    #[test]
    fn a_byte_order_mark_may_come_in_pieces() {
        let pieces = (&b"\xef"[..]).chain(&b"\xbb\xbfa,"[..]).chain(&b"b"[..]);
        assert_eq!(rows(pieces), Ok(vec![row(1, &["a", "b"])]));
    }

    #[test]
    fn what_would_swallow_rows_ends_the_reading() {
        let line = |text: &[u8]| rows(text).err().map(|broken| broken.line);
        assert_eq!(line(b"a,b\n1,\"open\n2,x\n"), Some(2));
        assert_eq!(line(b"a,b\n5,\"Smith\n6,\"Foo\"\n"), Some(3));
        assert_eq!(line(&[b"a,b\n1,\"".as_slice(), &[b'x'; LONGEST_ROW + 1]].concat()), Some(2));
        assert_eq!(line(b"\xff\xfea\0"), Some(1));
    }

    #[test]
    fn a_cell_that_is_not_text_says_so_and_where() {
        let row = Reader::open(&b"a,\"x\ny\xe9\",b\0\n"[..]).and_then(|mut reader| reader.next());
        let cells = row.ok().flatten().map(|row| row.cells).unwrap_or_default();
        let faults: Vec<_> = cells.iter().map(|cell| (cell.line, cell.fault.is_some())).collect();
        assert_eq!(faults, [(1, false), (2, true), (2, true)]);
    }

    proptest! {
        #[test]
        fn what_another_library_writes_comes_back(table in prop::collection::vec(prop::collection::vec("[a\",;\n é]{0,4}", 3), 0..6)) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in &table {
                writer.write_record(row).map_err(|error| TestCaseError::fail(error.to_string()))?;
            }
            let written = writer.into_inner().map_err(|error| TestCaseError::fail(error.to_string()))?;
            let read: Option<Vec<_>> = rows(written.as_slice()).ok().map(|rows| rows.into_iter().map(|(_, cells)| cells).collect());
            prop_assert_eq!(read, Some(table));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop::sample::select(b"a,\"\n\r\0\xe9\xff".to_vec()), 0..40)) {
            let _ = rows(bytes.as_slice());
        }
    }
}
