//! The error codes: the one source of the schema's enum, of what answers say and of `docs/errors.md`.

/// Where a code appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a payload's `userErrors`.
    UserErrors,
    /// In the answer's `errors[].extensions.code`, with this HTTP status if nothing was executed.
    Errors(u16),
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal, $place:expr, $message:literal, $remedy:literal;)+) => {
        /// What went wrong, in a word that never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, async_graphql::Enum)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ #[graphql(name = $text)] $variant,)+
        }

        impl ErrorCode {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The sentence that answers say.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)+ }
            }

            /// What it means.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim(),)+ }
            }

            /// What to do about it.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)+ }
            }

            /// Where it appears.
            pub const fn place(self) -> Place {
                match self { $(Self::$variant => $place,)+ }
            }
        }
    };
}

use Place::{Errors, UserErrors};

codes! {
    /// An input field holds something it must not.
    InvalidInput = "INVALID_INPUT", UserErrors,
        "This value cannot be taken.", "Mend the field named by `field`; the message says how.";
    /// There is no such thing, or the caller may not know of it.
    NotFound = "NOT_FOUND", UserErrors,
        "There is no such thing.", "Check the id. What another firm or person keeps to itself looks the same as what does not exist.";
    /// The caller sees it but may not do this.
    Forbidden = "FORBIDDEN", UserErrors,
        "You may not do this.", "`rule` names the rule, `grantableBy` who could grant it.";
    /// A limit is reached.
    LimitReached = "LIMIT_REACHED", UserErrors,
        "The limit is reached.", "Free a place first: `limit` and `current` say how many there are.";
    /// The person is already a back-office user of this principal.
    AlreadyDelegated = "ALREADY_DELEGATED", UserErrors,
        "This address is already one of your back-office users.", "Nothing to do, or revoke the one there is first.";
    /// Somebody else has changed it since it was read.
    Conflict = "CONFLICT", UserErrors,
        "This was changed by somebody else meanwhile.", "Read it again, and make the change on top; `currentVersion` is the version it has now.";
    /// The delegate knows already, and can act.
    AlreadyActive = "ALREADY_ACTIVE", UserErrors,
        "This delegation is active already: there is no invitation to send again.", "Nothing to do.";
    /// The impersonation has ended already.
    AlreadyEnded = "ALREADY_ENDED", UserErrors,
        "This impersonation has ended already.", "Nothing to do.";
    /// The principal wants a reason from whoever acts for them.
    ReasonRequired = "REASON_REQUIRED", UserErrors,
        "The principal wants to know why you act for them.", "Give a `reason`.";
    /// Nobody is their own back-office user.
    CannotDelegateToSelf = "CANNOT_DELEGATE_TO_SELF", UserErrors,
        "You cannot be your own back-office user.", "Give another person's address.";
    /// Several people of the firm share this address.
    AmbiguousEmail = "AMBIGUOUS_EMAIL", UserErrors,
        "Several people of your firm have this address.", "Say which one by `handle`; `handles` lists them.";
    /// The person is inactive.
    UserInactive = "USER_INACTIVE", UserErrors,
        "This person is inactive.", "A setup admin can reactivate them.";
    /// The grant does not hold at this moment.
    DelegationNotActive = "DELEGATION_NOT_ACTIVE", UserErrors,
        "This delegation does not hold now.", "The principal can grant it anew.";
    /// The grant does not include what is asked for.
    ScopeExceeded = "SCOPE_EXCEEDED", UserErrors,
        "The principal has not granted this.", "Ask for less, or ask the principal to grant more.";
    /// Nobody of the firm has this user ID.
    UserNotFound = "USER_NOT_FOUND", UserErrors,
        "Nobody in your firm has this user ID.", "Ask the person for their user ID.";
    /// The person is a member already.
    AlreadyMember = "ALREADY_MEMBER", UserErrors,
        "This person is a member already.", "Nothing to do.";
    /// The person is no member of the workgroup.
    NotAMember = "NOT_A_MEMBER", UserErrors,
        "This person is not a member of the workgroup.", "Invite them first; they have to join.";
    /// Only advisers and assistants are in workgroups.
    CannotJoin = "CANNOT_JOIN", UserErrors,
        "Only advisers and assistants are in workgroups.", "Let somebody act for you as a back-office user instead.";
    /// Only an adviser owns a workgroup, for its clients' primary adviser may come from it.
    CannotOwn = "CANNOT_OWN", UserErrors,
        "Only an adviser can own a workgroup.", "Choose a member who is an adviser.";
    /// A workgroup is never without its owner.
    OwnerCannotLeave = "OWNER_CANNOT_LEAVE", UserErrors,
        "The owner cannot leave the workgroup.", "Transfer it to another member first, or delete it.";
    /// An assistant who is in several workgroups says into which one a client goes.
    WorkgroupRequired = "WORKGROUP_REQUIRED", UserErrors,
        "Choose the workgroup that the client goes into: its owner becomes the primary adviser.", "Give a `workgroupId` out of `choices`.";
    /// An assistant in no workgroup has no adviser to add clients for.
    NoWorkgroup = "NO_WORKGROUP", UserErrors,
        "You are in no workgroup, so there is no adviser to add a client for.", "Ask an adviser to invite you to a workgroup.";
    /// Firm, username and password do not belong together, or the person may not sign in.
    InvalidCredentials = "INVALID_CREDENTIALS", UserErrors,
        "These credentials are not right. If several logins share your email address, sign in with your user ID.",
        "Try again, or reset the password.";
    /// The current password is not right.
    WrongPassword = "WRONG_PASSWORD", UserErrors,
        "This is not your current password.", "Try again, or reset the password.";
    /// The link does not hold: used, expired, revoked, replaced or never given out. Which of these is not said.
    InviteInvalid = "INVITE_INVALID", UserErrors,
        "This link does not hold any more.", "Ask whoever sent it to send a new one.";
    /// The password is too short, too long or too common.
    PasswordRefused = "PASSWORD_REFUSED", UserErrors,
        "This password cannot be taken.", "The message says why. A few words in a row make a good password.";
    /// Another user of the firm has this user ID.
    HandleTaken = "HANDLE_TAKEN", UserErrors,
        "This user ID is taken.", "Choose another one.";
    /// Another firm has this short name.
    SlugTaken = "SLUG_TAKEN", UserErrors,
        "This short name is taken.", "Choose another one.";
    /// The document is not GraphQL, or is larger than is read.
    GraphqlParseFailed = "GRAPHQL_PARSE_FAILED", Errors(400),
        "The document cannot be parsed.", "Mend the document at the place that the message names.";
    /// The document does not fit the schema.
    GraphqlValidationFailed = "GRAPHQL_VALIDATION_FAILED", Errors(400),
        "The document does not fit the schema.", "Mend the document; the schema is in `schema.graphql`.";
    /// A variable or argument does not have the type it should, or holds a NUL character.
    BadUserInput = "BAD_USER_INPUT", Errors(400),
        "A variable or argument does not have the type it should.", "Mend the value that the message names.";
    /// There is no session, or it ended.
    Unauthenticated = "UNAUTHENTICATED", Errors(401),
        "Sign in first.", "Sign in and send the token, or the cookie, with each request.";
    /// This is not done in somebody else's name.
    NotWhileImpersonating = "NOT_WHILE_IMPERSONATING", Errors(403),
        "This cannot be done while impersonating.", "Call `stopImpersonation` first, or ask the principal to do it.";
    /// The impersonation ended without the actor's doing: revoked, expired, idle or ended by the principal.
    ImpersonationEnded = "IMPERSONATION_ENDED", Errors(403),
        "Your impersonation has ended.", "Call `stopImpersonation` to go on as yourself, or `startImpersonation` to act for someone else.";
    /// The delegation's scope or the mode does not include this.
    OutOfScope = "OUT_OF_SCOPE", Errors(403),
        "The impersonation does not include this.", "`missing` says what it lacks: an action of the scope, which the principal can grant, or the mode READ_WRITE, to start it with.";
    /// Too many tries in too short a time.
    RateLimited = "RATE_LIMITED", Errors(429),
        "Too many tries. Wait a little.", "Wait `retryAfter` seconds.";
    /// The operation costs more than is allowed at once, or the session's allowance is used up.
    CostExceeded = "COST_EXCEEDED", Errors(429),
        "This operation costs too much.", "Ask for fewer fields or smaller pages; `extensions.cost` shows what an operation costs. With `retryAfter`: wait so many seconds.";
    /// The cursor lies further back than the log can be followed from.
    CursorExpired = "CURSOR_EXPIRED", Errors(410),
        "This cursor is too old to go on from.", "Begin behind `earliestCursor`, and read what was missed in between with the query `events`.";
    /// The idempotency key was used with another body.
    IdempotencyConflict = "IDEMPOTENCY_CONFLICT", Errors(422),
        "This idempotency key was used with another body.", "Take a new key for a new change.";
    /// The same change with the same idempotency key is still running.
    IdempotencyInProgress = "IDEMPOTENCY_IN_PROGRESS", Errors(409),
        "The same change is still running.", "Repeat it in a moment with the same key.";
    /// A part of the service is out of reach or overloaded; nothing was changed.
    Unavailable = "UNAVAILABLE", Errors(503),
        "Locum cannot do this just now.", "Repeat it after `retryAfter` seconds.";
    /// A fault of ours.
    InternalServerError = "INTERNAL_SERVER_ERROR", Errors(500),
        "Something went wrong on our side.", "Tell the operators the `requestId`.";
}
