//! Limits on a document, judged before it is parsed ([`scan`]), before anything goes through it ([`expand`]) and before
//! it is validated ([`weigh`]): what is too large costs no more than a look.

use crate::config::Limits;
use crate::defaults::{PAGE, PAGE_MAX};
use crate::error::{Error, ErrorCode, Result};
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet, TypeKind,
    TypeSystemDefinition,
};
use async_graphql::{Name, Value, Variables};
use std::collections::{HashMap, HashSet};

/// Deepest nesting of brackets in a document: the parser goes down with it.
const BRACKETS: usize = 64;
/// Most selection sets inside each other once fragments are expanded: validation and execution go down with them.
const NESTING: usize = 32;

/// Counts a document's bytes, tokens and brackets without parsing it.
pub fn scan(text: &str, limits: &Limits) -> Result<()> {
    let too_large = |what: String| Err(Error::stop_saying(ErrorCode::GraphqlParseFailed, what));
    if text.len() > limits.document_bytes {
        return too_large(format!("The document has more than {} bytes.", limits.document_bytes));
    }
    let (mut tokens, mut depth) = (0usize, 0usize);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = token(rest, first);
        let is_token = !(first.is_whitespace() || matches!(first, ',' | '#' | '\u{feff}'));
        tokens += usize::from(is_token);
        match first {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if tokens > limits.document_tokens {
            return too_large(format!("The document has more than {} tokens.", limits.document_tokens));
        }
        if depth > BRACKETS {
            return too_large(format!("The document is nested more than {BRACKETS} deep."));
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(())
}

/// The length in bytes of what stands at the beginning of `rest`, which is not empty.
fn token(rest: &str, first: char) -> usize {
    let until = |end: fn(char) -> bool| {
        rest.char_indices().skip(1).find(|(_, c)| end(*c)).map_or(rest.len(), |(at, _)| at)
    };
    match first {
        '#' => until(|c| c == '\n' || c == '\r'),
        '"' => string(rest),
        c if c.is_alphanumeric() || c == '_' => until(|c| !(c.is_alphanumeric() || c == '_')),
        c => c.len_utf8(),
    }
}

fn string(rest: &str) -> usize {
    let block = rest.starts_with("\"\"\"");
    let (quote, start) = if block { ("\"\"\"", 3) } else { ("\"", 1) };
    let mut at = start;
    while let Some(here) = rest.get(at..) {
        let Some(next) = here.chars().next() else { break };
        if here.starts_with(quote) {
            return at + quote.len();
        }
        if block && here.starts_with("\\\"\"\"") {
            // The only escape in a block string.
            at += 4;
        } else if !block && next == '\\' {
            at += 1 + here.chars().nth(1).map_or(0, char::len_utf8);
        } else {
            at += next.len_utf8();
        }
    }
    rest.len()
}

/// Refuses a document that is too long or too deep to go through once its fragments are expanded, or has no end. All
/// operations count, also those that are not meant: validation goes through all of them.
pub fn expand(document: &ExecutableDocument, limits: &Limits) -> Result<()> {
    let mut fragments = HashMap::new();
    for (_, operation) in document.operations.iter() {
        let extent = extent(document, &operation.node.selection_set.node, &mut fragments)?;
        if extent.selections > limits.complexity {
            return Err(too_much("selections", extent.selections, limits.complexity));
        }
        if extent.nesting > NESTING {
            return Err(too_much("selection sets inside each other", extent.nesting, NESTING));
        }
    }
    Ok(())
}

/// How far a selection set goes once its fragments are expanded. A spread is a selection too, also where nothing is
/// behind it.
#[derive(Clone, Copy, Default)]
struct Extent {
    selections: usize,
    nesting: usize,
}

/// `fragments` are those that are measured already; none for one that is being measured.
fn extent<'d>(
    document: &'d ExecutableDocument,
    set: &'d SelectionSet,
    fragments: &mut HashMap<&'d str, Option<Extent>>,
) -> Result<Extent> {
    let mut total = Extent::default();
    for item in &set.items {
        let inner = match &item.node {
            Selection::Field(field) => extent(document, &field.node.selection_set.node, fragments)?,
            Selection::InlineFragment(fragment) => {
                extent(document, &fragment.node.selection_set.node, fragments)?
            }
            Selection::FragmentSpread(spread) => {
                let name = spread.node.fragment_name.node.as_str();
                match (fragments.get(name), document.fragments.get(name)) {
                    (Some(Some(known)), _) => *known,
                    (Some(None), _) => {
                        let message = format!("The fragment `{name}` is inside itself.");
                        return Err(Error::stop_saying(ErrorCode::GraphqlValidationFailed, message));
                    }
                    (None, None) => Extent::default(),
                    (None, Some(fragment)) => {
                        fragments.insert(name, None);
                        let extent = extent(document, &fragment.node.selection_set.node, fragments)?;
                        fragments.insert(name, Some(extent));
                        extent
                    }
                }
            }
        };
        total.selections = total.selections.saturating_add(inner.selections).saturating_add(1);
        total.nesting = total.nesting.max(inner.nesting);
    }
    total.nesting += usize::from(!set.items.is_empty());
    Ok(total)
}

fn too_much(what: &str, count: usize, limit: usize) -> Error {
    let count = if count == usize::MAX { "too many".to_owned() } else { count.to_string() };
    Error::stop_saying(
        ErrorCode::CostExceeded,
        format!("The operation has {count} {what}; {limit} are allowed."),
    )
}

/// How long the schema's lists are, as far as its text tells.
#[derive(Debug, Default)]
pub struct Sizes {
    /// Fields that have pages.
    paged: HashSet<String>,
    /// Fields marked `@listSize`.
    assumed: HashMap<String, usize>,
}

impl Sizes {
    /// Reads them from the schema's text. A name means the same in each type.
    pub fn new(sdl: &str) -> anyhow::Result<Self> {
        let mut sizes = Self::default();
        for definition in parse_schema(sdl)?.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let TypeKind::Object(object) = definition.node.kind else { continue };
            for field in object.fields {
                let name = field.node.name.node.to_string();
                if field.node.arguments.iter().any(|argument| argument.node.name.node == "first") {
                    sizes.paged.insert(name.clone());
                }
                let marks =
                    field.node.directives.iter().filter(|directive| directive.node.name.node == "listSize");
                for size in marks.filter_map(|mark| mark.node.get_argument("assumedSize")) {
                    if let Value::Number(size) = &size.node {
                        sizes.assumed.insert(
                            name.clone(),
                            size.as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(1),
                        );
                    }
                }
            }
        }
        Ok(sizes)
    }

    /// How many elements a field can have.
    fn of(&self, field: &Field, variables: &Variables) -> usize {
        let argument = |name: &str| {
            let value = field.get_argument(name)?.node.clone();
            value.into_const_with(|name| variables.get(&name).cloned().ok_or(())).ok()
        };
        let name = field.name.node.as_str();
        if self.paged.contains(name) {
            let asked = ["first", "last"].into_iter().find_map(|name| match argument(name)? {
                Value::Number(size) => size.as_u64().and_then(|size| usize::try_from(size).ok()),
                _ => None,
            });
            return asked.unwrap_or(PAGE).clamp(1, PAGE_MAX);
        }
        match argument("ids") {
            Some(Value::List(ids)) => ids.len(),
            _ => self.assumed.get(name).copied().unwrap_or(1),
        }
    }
}

/// What a selection comes to once its fragments are expanded.
#[derive(Clone, Copy, Default)]
struct Weight {
    /// A point for each field, multiplied by the size of the page it is in.
    cost: usize,
    aliases: usize,
    directives: usize,
    depth: usize,
    /// Whether an argument has a NUL character in it: PostgreSQL has no such text, and neither have we.
    has_nul: bool,
}

/// Refuses an operation that is too much once its fragments are expanded ([`expand`] let it through); answers what it can cost at most, in points.
pub fn weigh(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
    sizes: &Sizes,
    limits: &Limits,
) -> Result<u32> {
    let mut scale = Scale { document, variables, sizes, fragments: HashMap::new() };
    let mut defaults =
        operation.variable_definitions.iter().filter_map(|variable| variable.node.default_value.as_ref());
    let weight = scale.set(&operation.selection_set.node);
    if weight.has_nul || defaults.any(|value| has_nul(&value.node)) {
        return Err(Error::stop_saying(ErrorCode::BadUserInput, "A NUL character cannot be taken."));
    }
    let roots = super::guard::root_fields(document, operation).len();
    let checks = [
        ("points", weight.cost, limits.complexity),
        ("aliases", weight.aliases, limits.aliases),
        ("directives", weight.directives, limits.directives),
        ("levels", weight.depth, limits.depth),
        ("root fields", roots, limits.root_fields),
        ("mutations", if operation.ty == OperationType::Mutation { roots } else { 0 }, limits.mutations),
    ];
    if let Some((what, count, limit)) = checks.into_iter().find(|(_, count, limit)| count > limit) {
        return Err(too_much(what, count, limit));
    }
    Ok(u32::try_from(weight.cost).unwrap_or(u32::MAX))
}

struct Scale<'d> {
    document: &'d ExecutableDocument,
    variables: &'d Variables,
    sizes: &'d Sizes,
    /// A fragment is weighed once, however often it is spread.
    fragments: HashMap<&'d str, Weight>,
}

impl<'d> Scale<'d> {
    fn set(&mut self, set: &'d SelectionSet) -> Weight {
        let mut total = Weight::default();
        for item in &set.items {
            let weight = self.selection(&item.node);
            total.cost = total.cost.saturating_add(weight.cost);
            total.aliases = total.aliases.saturating_add(weight.aliases);
            total.directives = total.directives.saturating_add(weight.directives);
            total.depth = total.depth.max(weight.depth);
            total.has_nul |= weight.has_nul;
        }
        total
    }

    fn selection(&mut self, selection: &'d Selection) -> Weight {
        let of_directives = selection.directives().iter().flat_map(|directive| &directive.node.arguments);
        let mut weight = match selection {
            Selection::Field(field) => self.field(&field.node),
            Selection::InlineFragment(fragment) => self.set(&fragment.node.selection_set.node),
            Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node),
        };
        weight.directives = weight.directives.saturating_add(selection.directives().len());
        weight.has_nul |= of_directives
            .map(|(_, value)| &value.node)
            .any(|value| self.has_nul_in(value.clone().into_const_with(literal)));
        weight
    }

    fn field(&mut self, field: &'d Field) -> Weight {
        let mut weight = self.set(&field.selection_set.node);
        weight.cost = weight.cost.saturating_mul(self.sizes.of(field, self.variables)).saturating_add(1);
        weight.aliases = weight.aliases.saturating_add(usize::from(field.alias.is_some()));
        weight.depth = weight.depth.saturating_add(1);
        weight.has_nul |= field
            .arguments
            .iter()
            .any(|(_, value)| self.has_nul_in(value.node.clone().into_const_with(literal)));
        weight
    }

    fn fragment(&mut self, name: &'d str) -> Weight {
        if let Some(weight) = self.fragments.get(name) {
            return *weight;
        }
        let weight = match self.document.fragments.get(name) {
            Some(fragment) => self.set(&fragment.node.selection_set.node),
            None => Weight::default(),
        };
        self.fragments.insert(name, weight);
        weight
    }

    fn has_nul_in(&self, value: Result<Value, ()>) -> bool {
        value.is_ok_and(|value| has_nul(&value))
    }
}

/// Variables are looked at where they come from.
fn literal(_: Name) -> Result<Value, ()> {
    Ok(Value::Null)
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::List(list) => list.iter().any(has_nul),
        Value::Object(object) => object.values().any(has_nul),
        _ => false,
    }
}
