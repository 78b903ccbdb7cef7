//! CSV, row by row, as RFC 4180 has it: UTF-8 (a byte order mark may lead), commas, any of the three line ends.
//!
//! `csv-core` tells the cells apart, and mends what is not CSV without a word: a quotation mark that is left open, or
//! text behind one that closes, would swallow rows. So what it read is written again, with quotation marks and without;
//! if neither is what stands in the file, the reading ends there.
//!
//! Never holds more than one row, and no row is longer than [`LONGEST_ROW`]. Line ends inside quotation marks become `\n`.

use csv_core::ReadFieldResult;
use std::io::{BufRead, BufReader, Chain, Cursor, ErrorKind, Read};
use std::iter::{once, repeat_n};
use std::mem::take;

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
    parser: csv_core::Reader,
    /// The line of the next byte.
    line: u64,
    /// The byte before was a carriage return: a line feed belongs to it.
    after_return: bool,
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
        Ok(Self { bytes, parser: csv_core::Reader::new(), line: 1, after_return: false })
    }

    /// The next row; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Row>, Broken> {
        let mut row = Row { line: self.line, cells: Vec::new() };
        let (mut length, mut cell_line) = (0, self.line);
        let (mut written, mut read) = (Vec::new(), Vec::new());
        loop {
            // No byte makes more than one, so there is always room.
            let (byte, mut room) = (self.byte()?, [0; 2]);
            let (result, _, made) = self.parser.read_field(byte.as_slice(), &mut room);
            written.extend(byte);
            read.extend(room.into_iter().take(made));
            length += 1;
            match result {
                ReadFieldResult::End => return Ok(None),
                ReadFieldResult::Field { record_end } => {
                    row.cells.push(unmended(&take(&mut written), take(&mut read), cell_line)?);
                    cell_line = self.line;
                    if record_end {
                        return Ok(Some(row));
                    }
                }
                _ if row.cells.is_empty() && written == b"\n" => {
                    // A blank line: the row begins behind it.
                    written.clear();
                    (length, row.line, cell_line) = (0, self.line, self.line);
                }
                _ if length > LONGEST_ROW => {
                    let why = "this row has more than 1 MiB; is a quotation mark open?";
                    return Err(Broken { line: row.line, why: why.into() });
                }
                ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => {}
            }
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
                let byte = if byte == b'\r' { b'\n' } else { byte };
                self.line += u64::from(byte == b'\n');
                return Ok(Some(byte));
            }
        }
    }
}

fn unreadable(line: u64, error: &std::io::Error) -> Broken {
    Broken { line, why: format!("the file cannot be read from here on: {error}") }
}

/// The cell that was read, if nothing was mended: with quotation marks or without, it is what was written.
fn unmended(written: &[u8], read: Vec<u8>, line: u64) -> Result<Cell, Broken> {
    let written = written.strip_suffix(b",").or(written.strip_suffix(b"\n")).unwrap_or(written);
    let doubled = read.iter().flat_map(|&byte| repeat_n(byte, if byte == b'"' { 2 } else { 1 }));
    let quoted: Vec<u8> = once(b'"').chain(doubled).chain(once(b'"')).collect();
    if written == read || written == quoted {
        return Ok(Cell::new(read, line));
    }
    if quoted.starts_with(written) {
        return Err(Broken { line, why: "a quotation mark opens here and is never closed".into() });
    }
    let right = written.iter().zip(&quoted).take_while(|(one, other)| one == other);
    let line = line + right.filter(|(byte, _)| **byte == b'\n').count() as u64;
    let why = "text stands behind a closing quotation mark; inside a quoted cell write it twice (\"\")";
    Err(Broken { line, why: why.into() })
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
