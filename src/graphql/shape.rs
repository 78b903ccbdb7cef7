//! Gives an answer the shape that its operation asks for.
//!
//! async-graphql answers fields in the order in which they are ready, and leaves out those that failed. GraphQL has them
//! in the operation's order, and a field that failed is null, or its nearest parent that can be null is. Most answers are
//! that already, for most objects are `serial`; a look at them ([`is_in_shape`]) costs far less than making them anew.

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet, Type,
    TypeKind, TypeSystemDefinition,
};
use async_graphql::{Name, PathSegment, Positioned, Response, Value};
use std::collections::HashMap;

/// What the types' fields are.
#[derive(Debug)]
pub struct Shapes(HashMap<String, HashMap<String, Type>>);

/// A field to be answered, with all that is selected of it.
struct Wanted<'d> {
    key: &'d Name,
    ty: Option<&'d Type>,
    sets: Vec<&'d SelectionSet>,
}

/// A null that the parent has to take.
struct Null;

impl Shapes {
    /// Reads the types from the schema's text.
    pub fn new(sdl: &str) -> anyhow::Result<Self> {
        let mut types = HashMap::new();
        for definition in parse_schema(sdl)?.definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let fields = match definition.node.kind {
                TypeKind::Object(object) => object.fields,
                TypeKind::Interface(interface) => interface.fields,
                _ => continue,
            };
            let fields =
                fields.into_iter().map(|field| (field.node.name.node.to_string(), field.node.ty.node));
            types.insert(definition.node.name.node.to_string(), fields.collect());
        }
        Ok(Self(types))
    }

    /// Puts an answer in shape.
    pub fn restore(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        response: &mut Response,
    ) {
        let root = match operation.ty {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        if response.data == Value::Null && response.errors.iter().all(|error| error.path.is_empty()) {
            return;
        }
        let set = &operation.selection_set.node;
        if response.errors.is_empty() && is_in_shape(&response.data, set) {
            return;
        }
        let failed = response.errors.iter().map(|error| error.path.as_slice()).collect();
        let work = Work { shapes: self, document, failed };
        let data = match std::mem::take(&mut response.data) {
            Value::Object(object) => object,
            _ => IndexMap::new(),
        };
        let data = work.object(root, data, &[set], &mut Vec::new());
        response.data = data.map_or(Value::Null, Value::Object);
    }
}

/// Whether an answer without errors has the fields of a selection in their order. "No" may be wrong: where there are
/// fragments, directives or the same field twice, it is not looked into.
fn is_in_shape(value: &Value, set: &SelectionSet) -> bool {
    let plain = |item: &Positioned<Selection>| match &item.node {
        Selection::Field(field) => field.node.directives.is_empty(),
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => false,
    };
    let answers = |item: &Positioned<Selection>, key: &Name, value: &Value| match &item.node {
        Selection::Field(field) if same(&field.node.response_key().node, key) => {
            let inner = &field.node.selection_set.node;
            inner.items.is_empty() || is_in_shape(value, inner)
        }
        _ => false,
    };
    set.items.iter().all(plain)
        && match value {
            Value::List(list) => list.iter().all(|value| is_in_shape(value, set)),
            Value::Object(object) => {
                let mut fields = set.items.iter().zip(object);
                object.len() == set.items.len()
                    && fields.all(|(item, (key, value))| answers(item, key, value))
            }
            _ => true,
        }
}

/// The answer's names are the document's own, so it is seldom that they have to be read.
fn same(one: &Name, other: &Name) -> bool {
    std::ptr::eq(one.as_str(), other.as_str()) || one == other
}

struct Work<'d> {
    shapes: &'d Shapes,
    document: &'d ExecutableDocument,
    /// The paths of the fields that failed.
    failed: Vec<&'d [PathSegment]>,
}

impl<'d> Work<'d> {
    fn object(
        &self,
        type_name: &str,
        mut object: IndexMap<Name, Value>,
        sets: &[&'d SelectionSet],
        path: &mut Vec<PathSegment>,
    ) -> Result<IndexMap<Name, Value>, Null> {
        let mut wanted = Vec::new();
        for set in sets {
            self.collect(type_name, set, &mut wanted);
        }
        let mut shaped = IndexMap::with_capacity(object.len());
        for field in wanted {
            let value = object.swap_remove(field.key);
            path.push(PathSegment::Field(field.key.to_string()));
            if value.is_some() || self.failed.contains(&path.as_slice()) {
                let value = value.unwrap_or(Value::Null);
                let value = match field.ty {
                    Some(ty) => self.value(ty, value, &field.sets, path)?,
                    None => value,
                };
                shaped.insert(field.key.clone(), value);
            }
            path.pop();
        }
        Ok(shaped)
    }

    /// The fields of a selection in their order; what is selected twice is one field.
    fn collect(&self, type_name: &str, set: &'d SelectionSet, wanted: &mut Vec<Wanted<'d>>) {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    let (key, inner) = (&field.node.response_key().node, &field.node.selection_set.node);
                    match wanted.iter_mut().find(|other| other.key == key) {
                        Some(other) => other.sets.push(inner),
                        None => {
                            let ty = self
                                .shapes
                                .0
                                .get(type_name)
                                .and_then(|fields| fields.get(field.node.name.node.as_str()));
                            wanted.push(Wanted { key, ty, sets: vec![inner] });
                        }
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let on = fragment
                        .node
                        .type_condition
                        .as_ref()
                        .map_or(type_name, |on| on.node.on.node.as_str());
                    self.collect(on, &fragment.node.selection_set.node, wanted);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        self.collect(
                            fragment.node.type_condition.node.on.node.as_str(),
                            &fragment.node.selection_set.node,
                            wanted,
                        );
                    }
                }
            }
        }
    }

    fn value(
        &self,
        ty: &Type,
        value: Value,
        sets: &[&'d SelectionSet],
        path: &mut Vec<PathSegment>,
    ) -> Result<Value, Null> {
        let depth = path.len();
        let shaped = match (&ty.base, value) {
            (BaseType::Named(name), Value::Object(object))
                if sets.iter().any(|set| !set.items.is_empty()) =>
            {
                self.object(name, object, sets, path).map(Value::Object)
            }
            (BaseType::List(element), Value::List(list)) => self.list(element, list, sets, path),
            (_, value) => Ok(value),
        };
        path.truncate(depth);
        match shaped.unwrap_or(Value::Null) {
            Value::Null if !ty.nullable => Err(Null),
            value => Ok(value),
        }
    }

    fn list(
        &self,
        element: &Type,
        list: Vec<Value>,
        sets: &[&'d SelectionSet],
        path: &mut Vec<PathSegment>,
    ) -> Result<Value, Null> {
        if sets.iter().all(|set| set.items.is_empty()) {
            return Ok(Value::List(list));
        }
        let mut shaped = Vec::with_capacity(list.len());
        for (index, value) in list.into_iter().enumerate() {
            path.push(PathSegment::Index(index));
            shaped.push(self.value(element, value, sets, path)?);
            path.pop();
        }
        Ok(Value::List(shaped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::ServerError;
    use async_graphql::parser::parse_query;
    use serde_json::json;

    fn shaped(operation: &str, data: serde_json::Value, failed: &[&[&str]]) -> serde_json::Value {
        let sdl = "type Query { a: A b: B! list: [B!] } type A { x: Int y: Int! } type B { z: Int! n: N } interface N { id: ID! }";
        let document = parse_query(operation).unwrap();
        let mut response = Response::new(Value::from_json(data).unwrap());
        for path in failed {
            let mut error = ServerError::new("it failed", None);
            error.path = path
                .iter()
                .map(|part| part.parse().map_or(PathSegment::Field((*part).to_owned()), PathSegment::Index))
                .collect();
            response.errors.push(error);
        }
        let (_, operation) = document.operations.iter().next().unwrap();
        Shapes::new(sdl).unwrap().restore(&document, &operation.node, &mut response);
        serde_json::from_str(&serde_json::to_string(&response.data).unwrap()).unwrap()
    }

    #[test]
    fn fields_stand_in_the_order_of_the_operation() {
        let document = parse_query("{ b { z } ...F } fragment F on Query { a { y x } }").unwrap();
        let mut response =
            Response::new(Value::from_json(json!({ "a": { "x": 1, "y": 2 }, "b": { "z": 3 } })).unwrap());
        let (_, operation) = document.operations.iter().next().unwrap();
        Shapes::new("type Query { a: A b: B! } type A { x: Int y: Int! } type B { z: Int! }")
            .unwrap()
            .restore(&document, &operation.node, &mut response);
        assert_eq!(serde_json::to_string(&response.data).unwrap(), r#"{"b":{"z":3},"a":{"y":2,"x":1}}"#);
    }

    #[test]
    fn what_failed_is_null_or_makes_its_parent_null() {
        assert_eq!(
            shaped("{ a { x y } }", json!({ "a": { "y": 2 } }), &[&["a", "x"]]),
            json!({ "a": { "x": null, "y": 2 } })
        );
        assert_eq!(shaped("{ a { x y } }", json!({ "a": { "x": 1 } }), &[&["a", "y"]]), json!({ "a": null }));
        assert_eq!(
            shaped("{ a { x } b { z } }", json!({ "a": { "x": 1 }, "b": null }), &[&["b", "z"]]),
            json!(null)
        );
        assert_eq!(
            shaped("{ list { z } }", json!({ "list": [{ "z": 1 }, null] }), &[&["list", "1", "z"]]),
            json!({ "list": null })
        );
        assert_eq!(shaped("{ a @skip(if: true) { x } }", json!({}), &[]), json!({}));
    }
}
