//! How refusals and faults look from outside.

use super::node::global;
use crate::error::{Detail, Error, ErrorCode, Refusal, Result};
use crate::id::NodeType;
use async_graphql::{ErrorExtensions, ID, Interface, SimpleObject};

/// Why a change was refused. Nothing happened.
#[derive(Interface, Clone, Debug)]
#[graphql(
    field(name = "code", ty = "&ErrorCode", desc = "The kind of refusal."),
    field(name = "message", ty = "&String", desc = "A sentence for people."),
    field(
        name = "field",
        ty = "&Vec<String>",
        desc = "The path of the input field concerned; empty if none."
    )
)]
pub enum UserError {
    InputError(InputError),
    LimitReachedError(LimitReachedError),
    ForbiddenError(ForbiddenError),
    AmbiguousEmailError(AmbiguousEmailError),
    ConflictError(ConflictError),
    WorkgroupChoiceError(WorkgroupChoiceError),
}

/// A refusal that needs no more than its code.
#[derive(SimpleObject, Clone, Debug)]
pub struct InputError {
    /// The kind of refusal.
    code: ErrorCode,
    /// A sentence for people.
    message: String,
    /// The path of the input field concerned; empty if none.
    field: Vec<String>,
}

/// A limit is reached.
#[derive(SimpleObject, Clone, Debug)]
pub struct LimitReachedError {
    /// The kind of refusal.
    code: ErrorCode,
    /// A sentence for people.
    message: String,
    /// The path of the input field concerned; empty if none.
    field: Vec<String>,
    /// How many there can be.
    limit: i32,
    /// How many there are.
    current: i32,
}

/// A permission is missing.
#[derive(SimpleObject, Clone, Debug)]
pub struct ForbiddenError {
    /// The kind of refusal.
    code: ErrorCode,
    /// A sentence for people.
    message: String,
    /// The path of the input field concerned; empty if none.
    field: Vec<String>,
    /// The rule that forbids it.
    rule: String,
    /// Who could grant it.
    grantable_by: String,
}

/// Several people of the firm share an address.
#[derive(SimpleObject, Clone, Debug)]
pub struct AmbiguousEmailError {
    /// The kind of refusal.
    code: ErrorCode,
    /// A sentence for people.
    message: String,
    /// The path of the input field concerned; empty if none.
    field: Vec<String>,
    /// The user IDs of the people who have it.
    handles: Vec<String>,
}

/// Somebody else has changed it since it was read.
#[derive(SimpleObject, Clone, Debug)]
pub struct ConflictError {
    /// The kind of refusal.
    code: ErrorCode,
    /// A sentence for people.
    message: String,
    /// The path of the input field concerned; empty if none.
    field: Vec<String>,
    /// The version that it has now.
    current_version: i32,
}

/// It has to be said which workgroup is meant.
#[derive(SimpleObject, Clone, Debug)]
pub struct WorkgroupChoiceError {
    /// The kind of refusal.
    code: ErrorCode,
    /// A sentence for people.
    message: String,
    /// The path of the input field concerned; empty if none.
    field: Vec<String>,
    /// The workgroups to choose from.
    choices: Vec<WorkgroupChoice>,
}

/// A workgroup to choose.
#[derive(SimpleObject, Clone, Debug)]
pub struct WorkgroupChoice {
    /// The global id.
    id: ID,
    /// What it is called.
    description: String,
}

impl From<Refusal> for UserError {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, message, field, detail } = refusal;
        match detail {
            Detail::None => InputError { code, message, field }.into(),
            Detail::Limit { limit, current } => {
                LimitReachedError { code, message, field, limit, current }.into()
            }
            Detail::Forbidden { rule, grantable_by } => {
                ForbiddenError { code, message, field, rule, grantable_by }.into()
            }
            Detail::Conflict { current_version } => {
                ConflictError { code, message, field, current_version }.into()
            }
            Detail::Workgroups(workgroups) => {
                let choice =
                    |(id, description)| WorkgroupChoice { id: global(NodeType::Workgroup, id), description };
                let choices = workgroups.into_iter().map(choice).collect();
                WorkgroupChoiceError { code, message, field, choices }.into()
            }
            Detail::Handles(handles) => AmbiguousEmailError { code, message, field, handles }.into(),
        }
    }
}

/// A mutation's answer: the changed objects, or why nothing changed.
pub trait Payload: Sized {
    /// The answer of a refusal.
    fn refused(errors: Vec<UserError>) -> Self;

    /// The answer of a result; only a refusal belongs into the payload.
    fn of<T>(result: Result<T>, done: impl FnOnce(T) -> Self) -> Result<Self> {
        match result {
            Ok(value) => Ok(done(value)),
            Err(Error::Refused(refusal)) => Ok(Self::refused(vec![refusal.into()])),
            Err(other) => Err(other),
        }
    }
}

/// The answer of a mutation that changes one object.
pub trait OfOne: Payload {
    type Object;

    /// The answer that shows the object.
    fn of_one(object: Self::Object) -> Self;

    /// The answer of a result.
    fn answer<T: Into<Self::Object>>(result: Result<T>) -> Result<Self> {
        Self::of(result, |object| Self::of_one(object.into()))
    }
}

/// Defines a payload: its objects, null if refused, and `userErrors`. One with a single object is made of it.
#[macro_export]
macro_rules! payload {
    ($(#[$meta:meta])* $name:ident { $(#[$doc:meta])* $field:ident: $type:ty, }) => {
        $crate::payload! { @ $(#[$meta])* $name { $(#[$doc])* $field: $type, } }

        impl $crate::graphql::error::OfOne for $name {
            type Object = $type;

            fn of_one(object: $type) -> Self {
                Self { $field: Some(object), ..Self::default() }
            }
        }
    };
    ($(#[$meta:meta])* $name:ident { $($fields:tt)+ }) => {
        $crate::payload! { @ $(#[$meta])* $name { $($fields)+ } }
    };
    (@ $(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(async_graphql::SimpleObject, Default)]
        pub struct $name {
            $($(#[$doc])* pub $field: Option<$type>,)+
            /// Why nothing changed; empty if it did.
            pub user_errors: Vec<$crate::graphql::error::UserError>,
        }

        impl $crate::graphql::error::Payload for $name {
            fn refused(user_errors: Vec<$crate::graphql::error::UserError>) -> Self {
                Self { user_errors, ..Self::default() }
            }
        }
    };
}

/// A fault of ours is logged with its cause; the caller learns nothing of it.
impl From<Error> for async_graphql::Error {
    fn from(error: Error) -> Self {
        let code = error.code();
        let (message, retry_after, missing, earliest) = match error {
            Error::Refused(refusal) => (refusal.message, None, None, None),
            Error::Stop(stop) => (stop.message, stop.retry_after, stop.missing, stop.earliest),
            Error::Internal(cause) => {
                tracing::error!(error = %cause, "a fault of ours");
                (code.message().to_owned(), None, None, None)
            }
        };
        async_graphql::Error::new(message).extend_with(|_, extensions| {
            extensions.set("code", code.as_str());
            if let Some(seconds) = retry_after {
                extensions.set("retryAfter", seconds);
            }
            if let Some(missing) = missing {
                extensions.set("missing", missing);
            }
            if let Some(position) = earliest {
                extensions.set("earliestCursor", super::connection::by_position(position));
            }
        })
    }
}

/// The same outside of a resolver.
pub fn server_error(error: Error) -> async_graphql::ServerError {
    let error: async_graphql::Error = error.into();
    let mut server_error = async_graphql::ServerError::new(error.message, None);
    server_error.extensions = error.extensions;
    server_error
}
