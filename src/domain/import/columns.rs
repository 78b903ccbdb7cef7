//! The header of a file: which column is which.

use super::csv::Row;
use super::report::Problem;

/// A column that the import knows.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub name: &'static str,
    pub required: bool,
}

/// A column that must be there.
pub const fn required(name: &'static str) -> Known {
    Known { name, required: true }
}

/// A column that may be there.
pub const fn optional(name: &'static str) -> Known {
    Known { name, required: false }
}

/// The columns of a file, in its order: known ones by their own name, further ones as the file writes them.
#[derive(Clone, Debug)]
pub struct Columns {
    names: Vec<String>,
    further: Vec<bool>,
}

impl Columns {
    /// Reads a header; answers all that is wrong with it.
    ///
    /// What is not known is a further column. Only where a known one is missing and another nearly has its name is
    /// that a mistake: `primary_advisor` must not leave all clients without an adviser.
    pub fn of(header: &Row, known: &[Known]) -> Result<Self, Vec<Problem>> {
        let names: Vec<String> = header.cells.iter().map(|cell| name(&cell.text, known)).collect();
        let mut problems = faults(header);
        problems.extend(repeated(&names));
        for column in known.iter().filter(|column| !names.iter().any(|name| name == column.name)) {
            let near = names.iter().find(|name| is_nearly(name, column.name) && !is_known(name, known));
            match near {
                Some(near) => problems
                    .push(Problem::column(near, format!("is this the column {}? Name it so", column.name))),
                None if column.required => problems.push(Problem::column(column.name, missing(header))),
                None => {}
            }
        }
        let further = names.iter().map(|name| !is_known(name, known)).collect();
        if problems.is_empty() { Ok(Self { names, further }) } else { Err(problems) }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// The name of the column at a place.
    pub fn name(&self, index: usize) -> &str {
        self.names.get(index).map_or("", String::as_str)
    }

    /// Where a column is.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|other| other == name)
    }

    /// Those that the import does not know, each with its place.
    pub fn further(&self) -> impl Iterator<Item = (usize, &str)> {
        let named = self.names.iter().zip(&self.further).enumerate();
        named.filter(|(_, (_, further))| **further).map(|(index, (name, _))| (index, name.as_str()))
    }
}

fn is_known(name: &str, known: &[Known]) -> bool {
    known.iter().any(|column| column.name == name)
}

/// The known name that is meant, in whichever case; otherwise as it stands there.
fn name(text: &str, known: &[Known]) -> String {
    let text = text.trim();
    known
        .iter()
        .find(|column| column.name.eq_ignore_ascii_case(text))
        .map_or(text, |column| column.name)
        .to_owned()
}

fn faults(header: &Row) -> Vec<Problem> {
    let cells = header.cells.iter().enumerate();
    let fault = |(index, cell): (usize, &super::csv::Cell)| {
        let nameless = cell.text.trim().is_empty().then_some("the column has no name");
        cell.fault.or(nameless).map(|fault| Problem::column(&format!("column {}", index + 1), fault))
    };
    cells.filter_map(fault).collect()
}

fn repeated(names: &[String]) -> Vec<Problem> {
    let again = |(index, name): (usize, &String)| {
        let before = names
            .iter()
            .take(index)
            .position(|other| !name.is_empty() && other.to_lowercase() == name.to_lowercase())?;
        Some(Problem::column(
            name,
            format!("the column stands there twice, as column {} and {}", before + 1, index + 1),
        ))
    };
    names.iter().enumerate().filter_map(again).collect()
}

/// Why a required column may be missing: often another separator.
fn missing(header: &Row) -> String {
    let only = if let [cell] = header.cells.as_slice() { cell.text.as_str() } else { "" };
    match [';', '\t', '|'].into_iter().find(|separator| only.contains(*separator)) {
        Some(separator) => {
            format!("the column is missing; the file is separated by {separator:?}, save it with commas")
        }
        None => "the column is missing".to_owned(),
    }
}

/// Whether two names differ by a slip of the pen: case and separators aside, by one letter, or two in a long name.
fn is_nearly(one: &str, other: &str) -> bool {
    let bare = |name: &str| {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<Vec<_>>()
    };
    let (one, other) = (bare(one), bare(other));
    let slips = if other.len() > 8 { 2 } else { 1 };
    one.len() <= other.len() + slips && distance(&one, &other) <= slips
}

/// How many letters to add, drop or change (Levenshtein).
fn distance(one: &[char], other: &[char]) -> usize {
    let mut costs: Vec<usize> = (0..=other.len()).collect();
    for (row, a) in one.iter().enumerate() {
        let (mut diagonal, mut left) = (row, row + 1);
        for (b, cost) in other.iter().zip(costs.iter_mut().skip(1)) {
            let above = *cost;
            left = (above + 1).min(left + 1).min(diagonal + usize::from(a != b));
            (diagonal, *cost) = (above, left);
        }
        if let Some(first) = costs.first_mut() {
            *first = row + 1;
        }
    }
    costs.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::import::csv::Reader;

    const KNOWN: &[Known] =
        &[required("reference"), required("name"), optional("email"), optional("primary_adviser")];

    fn columns(header: &str) -> Result<Columns, Vec<String>> {
        let row = Reader::open(header.as_bytes()).and_then(|mut reader| reader.next()).ok().flatten();
        let row = row.unwrap_or(Row { line: 1, cells: Vec::new() });
        Columns::of(&row, KNOWN).map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn known_columns_in_any_order_and_case_and_further_ones_as_they_are() {
        let columns =
            columns("City, NAME ,email2,email,reference").unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(
            (columns.index("name"), columns.index("reference"), columns.index("primary_adviser")),
            (Some(1), Some(4), None)
        );
        assert_eq!(columns.further().collect::<Vec<_>>(), [(0, "City"), (2, "email2")]);
    }

    #[test]
    fn a_header_with_mistakes_says_each() {
        let problems = |header| columns(header).err().unwrap_or_default().join(" / ");
        assert_eq!(problems("name,city"), "reference: the column is missing");
        assert_eq!(
            problems("reference,name,Primary Advisor"),
            "Primary Advisor: is this the column primary_adviser? Name it so"
        );
        assert_eq!(problems("reference,name,e-mail"), "e-mail: is this the column email? Name it so");
        assert_eq!(
            problems("reference,name,City,city"),
            "city: the column stands there twice, as column 3 and 4"
        );
        assert_eq!(problems("reference,name,,x"), "column 3: the column has no name");
        let separated = "the column is missing; the file is separated by ';', save it with commas";
        assert_eq!(problems("reference;name;email"), format!("reference: {separated} / name: {separated}"));
    }

    #[test]
    fn a_slip_of_the_pen_is_told_from_another_word() {
        for (one, other) in [
            ("primary_advisor", "primary_adviser"),
            ("Display Name", "display_name"),
            ("emails", "email"),
            ("handles", "handle"),
        ] {
            assert!(is_nearly(one, other), "{one}");
        }
        for (one, other) in
            [("title", "level"), ("name", "handle"), ("user_name", "display_name"), ("company", "name")]
        {
            assert!(!is_nearly(one, other), "{one}");
        }
    }
}
