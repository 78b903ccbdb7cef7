//! Objects of long lists, resolved at little cost.
//!
//! async-graphql puts each field of an object into a box of its own, so that all of them can wait at once. Fields that only
//! tell what is there never wait, and for a page of 50 clients that is 350 boxes.

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, Name, ObjectType, OutputType, Positioned, ServerResult, Value};
use std::borrow::Cow;

/// More fields than this are left to async-graphql.
const FEW: usize = 16;

/// An object whose fields are resolved one after the other, where they stand. It answers what the object would. None can
/// be inside itself: the compiler refuses that.
pub struct InPlace<T>(pub T);

impl<T: ObjectType> OutputType for InPlace<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let set = &ctx.item.node;
        if !is_plain(set) {
            return self.0.resolve(ctx, field).await;
        }
        let mut object = IndexMap::with_capacity(set.items.len());
        for selected in set.items.iter().filter_map(|item| as_field(&item.node)) {
            match self.0.resolve_field(&ctx.with_field(selected)).await {
                Ok(value) => _ = object.insert(key(selected).clone(), value.unwrap_or_default()),
                Err(error) => ctx.add_error(error),
            }
        }
        Ok(if object.is_empty() { Value::Null } else { Value::Object(object) })
    }
}

/// Whether a selection has only a few fields of the object itself, none of them twice.
fn is_plain(set: &SelectionSet) -> bool {
    let is_plain = |(index, item): (usize, &Positioned<Selection>)| {
        let Some(field) = as_field(&item.node) else { return false };
        let before = set.items.iter().take(index).filter_map(|item| as_field(&item.node));
        field.node.directives.is_empty()
            && field.node.name.node != "__typename"
            && !before.map(key).any(|other| other == key(field))
    };
    (1..=FEW).contains(&set.items.len()) && set.items.iter().enumerate().all(is_plain)
}

fn as_field(selection: &Selection) -> Option<&Positioned<Field>> {
    match selection {
        Selection::Field(field) => Some(field),
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
    }
}

fn key(field: &Positioned<Field>) -> &Name {
    &field.node.response_key().node
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};

    struct Person;

    #[Object]
    impl Person {
        async fn name(&self) -> &str {
            "Ana"
        }

        async fn friend(&self) -> Option<Self> {
            Some(Self)
        }

        async fn address(&self) -> async_graphql::Result<String> {
            Err("it is lost".into())
        }
    }

    struct Query;

    #[Object]
    impl Query {
        async fn usual(&self) -> Person {
            Person
        }

        async fn in_place(&self) -> InPlace<Person> {
            InPlace(Person)
        }
    }

    #[tokio::test]
    async fn an_object_in_place_answers_what_it_would_answer_otherwise() {
        let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
        for selection in [
            "{ name }",
            "{ called: name friend { friend { name } name } }",
            "{ friend { name } friend { called: name } }",
            "{ __typename ...F }",
            "{ name @skip(if: true) }",
            "{ ... on Person { name } address }",
            "{ friend { address } name }",
        ] {
            let ask = async |root: &str| {
                let fragment = if selection.contains("...F") { "fragment F on Person { name }" } else { "" };
                let answer = schema.execute(format!("{{ person: {root} {selection} }} {fragment}")).await;
                let paths: Vec<_> = answer.errors.into_iter().map(|error| error.path).collect();
                (answer.data, paths)
            };
            assert_eq!(ask("inPlace").await, ask("usual").await, "{selection}");
        }
    }
}
