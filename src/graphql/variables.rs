//! The variables of an operation, made whole before anything looks at them: async-graphql validates an argument only if
//! all variables in it are there, and misses a variable only when its field is executed.

use crate::error::{Error, ErrorCode, Result};
use async_graphql::parser::types::{BaseType, OperationDefinition};
use async_graphql::{Value, Variables};
use serde_json::{Map, Value as Json};
use std::collections::HashSet;

/// Fills in the defaults, and null for what may be left out. Refuses what must not be left out, and what validation would
/// let pass: numbers that are no `Int`, and other things than objects for the input objects (`inputs`).
pub fn complete(
    operation: &OperationDefinition,
    given: Map<String, Json>,
    inputs: &HashSet<String>,
) -> Result<Variables> {
    let mut variables = Variables::from_json(Json::Object(given));
    for definition in &operation.variable_definitions {
        let (name, ty) = (&definition.node.name.node, &definition.node.var_type.node);
        let default =
            || definition.node.default_value.as_ref().map_or(Value::Null, |value| value.node.clone());
        let value = variables.entry(name.clone()).or_insert_with(default);
        if (*value == Value::Null && !ty.nullable) || !fits(&ty.base, value, inputs) {
            let message = format!("The variable `${name}` does not have the type `{ty}`.");
            return Err(Error::stop_saying(ErrorCode::BadUserInput, message));
        }
    }
    Ok(variables)
}

fn fits(ty: &BaseType, value: &Value, inputs: &HashSet<String>) -> bool {
    match (ty, value) {
        (_, Value::Null | Value::Object(_)) => true,
        (BaseType::List(item), Value::List(values)) => {
            values.iter().all(|value| fits(&item.base, value, inputs))
        }
        (BaseType::List(item), value) => fits(&item.base, value, inputs),
        (BaseType::Named(name), Value::Number(number)) if name == "Int" => {
            number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
        }
        (BaseType::Named(name), _) => !inputs.contains(name.as_str()),
    }
}
