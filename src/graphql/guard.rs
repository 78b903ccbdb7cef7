//! Admission: what a caller may ask for at all, before anything runs.
//!
//! The marks are directives of the schema, and the schema is where they are read from: a mutation that is not marked is
//! refused while impersonating, and every root field needs a session unless it is marked `@public`.

use crate::caller::{Action, Caller, Stand};
use crate::error::{Error, ErrorCode, Result};
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet, TypeKind,
    TypeSystemDefinition,
};
use async_graphql::{TypeDirective, Value};
use std::collections::{HashMap, HashSet};

/// Needs no session.
#[TypeDirective(location = "FieldDefinition", name = "public")]
pub(super) fn public() {}

/// Is the only field of its operation: signing in, tokens, recovery, and whatever changes who the caller is.
#[TypeDirective(location = "FieldDefinition", name = "alone")]
pub(super) fn alone() {}

/// Is judged as the person at the keyboard, also while impersonating and after an impersonation has ended.
#[TypeDirective(location = "FieldDefinition", name = "asActor")]
pub(super) fn as_actor() {}

/// Can be done while impersonating, within a scope that has this action.
#[TypeDirective(location = "FieldDefinition", name = "impersonatable")]
pub(super) fn impersonatable(needs: Action) {}

/// Is refused while impersonating, though it only reads.
#[TypeDirective(location = "FieldDefinition", name = "ownOnly")]
pub(super) fn own_only() {}

/// So many elements are assumed for the operation's cost, where no argument says how many.
#[TypeDirective(location = "FieldDefinition", name = "listSize")]
pub(super) fn list_size(assumed_size: i32) {}

/// The marks of a root field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Marks {
    pub public: bool,
    pub alone: bool,
    pub as_actor: bool,
    pub own_only: bool,
    pub needs: Option<Action>,
}

/// The marks of all root fields, and the names of the input objects.
#[derive(Debug)]
pub struct Guard {
    queries: HashMap<String, Marks>,
    mutations: HashMap<String, Marks>,
    subscriptions: HashMap<String, Marks>,
    inputs: HashSet<String>,
}

impl Guard {
    /// Reads the marks from the schema's own text.
    pub fn new(sdl: &str) -> anyhow::Result<Self> {
        Ok(Self {
            queries: marks_of(sdl, "Query")?,
            mutations: marks_of(sdl, "Mutation")?,
            subscriptions: marks_of(sdl, "Subscription")?,
            inputs: inputs_of(sdl)?,
        })
    }

    /// The names of the input objects.
    pub fn inputs(&self) -> &HashSet<String> {
        &self.inputs
    }

    /// The mutations with their marks.
    pub fn mutations(&self) -> &HashMap<String, Marks> {
        &self.mutations
    }

    /// The subscriptions with their marks.
    pub fn subscriptions(&self) -> &HashMap<String, Marks> {
        &self.subscriptions
    }

    /// Refuses an operation of which one root field is not for this caller.
    pub fn admit(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        caller: Option<&Caller>,
    ) -> Result<()> {
        let fields = root_fields(document, operation);
        let marks = match operation.ty {
            OperationType::Mutation => &self.mutations,
            OperationType::Query => &self.queries,
            OperationType::Subscription => &self.subscriptions,
        };
        let unmarked = Marks::default();
        for field in &fields {
            // What does not exist is for validation to refuse, and introspection is for everybody who is served it.
            let Some(marks) = marks.get(*field).or_else(|| (!field.starts_with("__")).then_some(&unmarked))
            else {
                continue;
            };
            admit_field(marks, operation.ty == OperationType::Mutation, caller)?;
            // As GraphQL has it, a subscription is one field.
            let only_one = marks.alone || operation.ty == OperationType::Subscription;
            if only_one && fields.len() > 1 {
                return Err(Error::stop_saying(
                    ErrorCode::CostExceeded,
                    format!("`{field}` stands alone in its operation."),
                ));
            }
        }
        Ok(())
    }
}

fn admit_field(marks: &Marks, changes: bool, caller: Option<&Caller>) -> Result<()> {
    if marks.public {
        return Ok(());
    }
    let caller = caller.ok_or_else(|| Error::stop(ErrorCode::Unauthenticated))?;
    match &caller.stand {
        _ if marks.as_actor => Ok(()),
        Stand::Own => Ok(()),
        Stand::Lapsed { .. } => Err(Error::stop(ErrorCode::ImpersonationEnded)),
        Stand::Acting(_) if marks.own_only => Err(Error::stop(ErrorCode::NotWhileImpersonating)),
        Stand::Acting(_) if !changes && marks.needs.is_none() => Ok(()),
        Stand::Acting(_) => match marks.needs {
            None => Err(Error::stop(ErrorCode::NotWhileImpersonating)),
            Some(action) => caller.require(action),
        },
    }
}

/// The names of the fields at the root, also those inside fragments; each as often as it stands there once fragments
/// are expanded, for so often it is executed. [`super::limits::expand`] let the document through, or this has no end.
pub fn root_fields<'d>(document: &'d ExecutableDocument, operation: &'d OperationDefinition) -> Vec<&'d str> {
    let mut fields = Vec::new();
    collect(document, &operation.selection_set.node, &mut fields);
    fields
}

fn collect<'d>(document: &'d ExecutableDocument, set: &'d SelectionSet, fields: &mut Vec<&'d str>) {
    for item in &set.items {
        match &item.node {
            Selection::Field(field) => fields.push(&field.node.name.node),
            Selection::InlineFragment(fragment) => {
                collect(document, &fragment.node.selection_set.node, fields)
            }
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    collect(document, &fragment.node.selection_set.node, fields);
                }
            }
        }
    }
}

fn marks_of(sdl: &str, type_name: &str) -> anyhow::Result<HashMap<String, Marks>> {
    let document = parse_schema(sdl)?;
    let mut marks = HashMap::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        if definition.node.name.node != type_name {
            continue;
        }
        let TypeKind::Object(object) = definition.node.kind else { continue };
        for field in object.fields {
            let mut of_field = Marks::default();
            for directive in field.node.directives {
                let needs = directive.node.get_argument("needs").and_then(|value| action(&value.node));
                match directive.node.name.node.as_str() {
                    "public" => of_field.public = true,
                    "alone" => of_field.alone = true,
                    "asActor" => of_field.as_actor = true,
                    "ownOnly" => of_field.own_only = true,
                    "impersonatable" => of_field.needs = needs,
                    _ => {}
                }
            }
            marks.insert(field.node.name.node.to_string(), of_field);
        }
    }
    Ok(marks)
}

fn inputs_of(sdl: &str) -> anyhow::Result<HashSet<String>> {
    let types = parse_schema(sdl)?.definitions.into_iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(definition) => Some(definition.node),
        _ => None,
    });
    let inputs = types.filter(|definition| matches!(definition.kind, TypeKind::InputObject(_)));
    Ok(inputs.map(|definition| definition.name.node.to_string()).collect())
}

fn action(value: &Value) -> Option<Action> {
    match value {
        Value::Enum(name) => name.parse().ok(),
        Value::String(name) => name.parse().ok(),
        _ => None,
    }
}
