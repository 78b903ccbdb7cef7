//! Registering, signing in and out, passwords.

use super::context::Locum;
use super::error::{OfOne, Payload};
use super::guard::{alone, as_actor, public};
use super::user::User;
use crate::domain::sign_in::{self, Credentials, Registration, SignedIn};
use crate::domain::throttle;
use crate::error::{Error, ErrorCode, Result};
use crate::events::Author;
use crate::secret::Token;
use async_graphql::{Context, InputObject, Object};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;

/// What someone signs in with.
#[derive(InputObject)]
struct SignInInput {
    /// The firm's short name.
    firm: String,
    /// The user ID; or the address, if nobody else of the firm has it.
    username: String,
    /// The password.
    password: String,
    /// Keep the session in a cookie of the browser instead of answering its token.
    #[graphql(default)]
    cookie: bool,
    /// The `deviceToken` of an earlier sign-in: other people's wrong guesses then do not slow this one down. A browser
    /// has it in a cookie.
    device_token: Option<String>,
}

crate::payload! {
    /// The answer of `signIn`.
    SignInPayload {
        /// The session's token, for `Authorization: Bearer …`. Shown this once; null if the session is in a cookie.
        token: String,
        /// A token of this device, to sign in with again. Shown this once; null if it is in a cookie.
        device_token: String,
        /// When the session ends at the latest.
        expires_at: DateTime<Utc>,
        /// Who signed in.
        user: User,
    }
}

crate::payload! {
    /// The answer of `signOut` and `signOutEverywhere`.
    SignOutPayload {
        /// How many sessions ended.
        signed_out: i32,
    }
}

/// What a person gives to register.
#[derive(InputObject)]
struct CompleteRegistrationInput {
    /// The token of the mail's link.
    token: String,
    /// The user ID that a new person would like; by default made of the address. Whoever was invited has one already.
    handle: Option<String>,
    /// The name that others see.
    display_name: Option<String>,
    /// A password of at least 15 characters.
    password: String,
}

crate::payload! {
    /// The answer of `completeRegistration`.
    CompleteRegistrationPayload {
        /// Who registered; they can sign in now.
        user: User,
    }
}

/// A new password for the old one.
#[derive(InputObject)]
struct ChangePasswordInput {
    /// The password until now.
    current_password: String,
    /// A password of at least 15 characters.
    new_password: String,
}

crate::payload! {
    /// The answer of `changePassword`.
    ChangePasswordPayload {
        /// The session's new token; the old one is dead. Null if the session is in a cookie, which has the new one.
        token: String,
        /// Whether the password was changed.
        changed: bool,
    }
}

/// Whose password is forgotten.
#[derive(InputObject)]
struct RequestPasswordResetInput {
    /// The firm's short name.
    firm: String,
    /// The user ID or the address.
    username: String,
}

crate::payload! {
    /// The answer of `requestPasswordReset`: the same, whether or not there is such a person.
    RequestPasswordResetPayload {
        /// Whether the wish was taken note of.
        requested: bool,
    }
}

/// A new password behind a link.
#[derive(InputObject)]
struct ResetPasswordInput {
    /// The token of the mail's link.
    token: String,
    /// A password of at least 15 characters.
    new_password: String,
}

crate::payload! {
    /// The answer of `resetPassword`.
    ResetPasswordPayload {
        /// Whose password it is; they can sign in now, and all their sessions have ended.
        user: User,
    }
}

#[derive(Default)]
pub struct Mutations;

#[Object(name = "SignInMutations")]
impl Mutations {
    /// Opens a session. Whatever is wrong, the answer is `INVALID_CREDENTIALS`.
    #[graphql(directive = public::apply(), directive = alone::apply())]
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to sign in with.")] input: SignInInput,
    ) -> Result<SignInPayload> {
        let (services, request) = (ctx.services().clone(), ctx.request());
        if input.cookie && !request.cookies_allowed {
            return Err(Error::stop_saying(
                ErrorCode::BadUserInput,
                "A cookie needs a request from an allowed origin.",
            ));
        }
        let with = Credentials {
            firm: input.firm,
            username: input.username,
            password: input.password.into(),
            device: input.device_token.map(Token::presented).or_else(|| request.device.clone()),
            network: request.network,
            replaces: request
                .authenticated
                .as_ref()
                .filter(|_| input.cookie && request.session_in_cookie)
                .map(|now| now.caller.clone()),
        };
        let signed_in =
            ctx.detached(async move { sign_in::sign_in(&services.log, &services.hasher, with).await }).await;
        SignInPayload::of(signed_in, |SignedIn { user, session, token, device }| {
            let shown = |token: &Token| (!input.cookie).then(|| token.reveal().to_owned());
            let payload = SignInPayload {
                token: shown(&token),
                device_token: shown(&device),
                expires_at: Some(session.expires_at),
                user: Some(user.into()),
                ..Default::default()
            };
            if input.cookie {
                request.outcome(|outcome| {
                    (outcome.session_cookie, outcome.device_cookie) = (Some(Some(token)), Some(device))
                });
            }
            payload
        })
    }

    /// Ends this session, and the impersonation in it.
    #[graphql(directive = as_actor::apply(), directive = alone::apply())]
    async fn sign_out(&self, ctx: &Context<'_>) -> Result<SignOutPayload> {
        let done = ctx.mutate_session(|tx, caller| sign_in::sign_out(tx, caller).boxed()).await;
        SignOutPayload::answer(done.map(|()| signed_out(ctx, 1)))
    }

    /// Ends all sessions of the person at the keyboard, this one too.
    #[graphql(directive = alone::apply())]
    async fn sign_out_everywhere(&self, ctx: &Context<'_>) -> Result<SignOutPayload> {
        let done = ctx.mutate_session(|tx, caller| sign_in::sign_out_everywhere(tx, caller).boxed()).await;
        SignOutPayload::answer(done.map(|ended| signed_out(ctx, ended)))
    }

    /// Completes a registration behind the link of a mail. It never costs anything. Whoever was named as a back-office
    /// user can then act for all those who named them, and do nothing else.
    #[graphql(directive = public::apply(), directive = alone::apply())]
    async fn complete_registration(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The link and what the person gives.")] input: CompleteRegistrationInput,
    ) -> Result<CompleteRegistrationPayload> {
        let (services, request) = (ctx.services().clone(), ctx.request());
        throttle::public_action(&services.log, "link", request.network).await?;
        let caller = request.authenticated.as_ref().map(|authenticated| authenticated.caller.clone());
        let new = Registration {
            token: Token::presented(input.token),
            handle: input.handle,
            display_name: input.display_name,
            password: input.password.into(),
        };
        let registered = ctx
            .detached(async move {
                sign_in::register(&services.log, &services.hasher, caller.as_ref(), new).await
            })
            .await;
        CompleteRegistrationPayload::answer(registered)
    }

    /// Changes the password of the person at the keyboard; all their other sessions end, and this one has a new token. Their
    /// devices are forgotten, except the one whose cookie comes along.
    #[graphql(directive = alone::apply())]
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The password until now and the new one.")] input: ChangePasswordInput,
    ) -> Result<ChangePasswordPayload> {
        let (services, caller) = (ctx.services().clone(), ctx.caller()?.clone());
        let (current, new) = (input.current_password.into(), input.new_password.into());
        let device = ctx.request().device.clone();
        let changed = ctx
            .detached(async move {
                let (log, hasher, device) = (&services.log, &services.hasher, device.as_ref());
                sign_in::change_password(log, hasher, &caller, current, new, device).await
            })
            .await;
        ChangePasswordPayload::of(changed, |token| {
            let in_cookie = ctx.request().session_in_cookie;
            let shown = (!in_cookie).then(|| token.reveal().to_owned());
            if in_cookie {
                ctx.request().outcome(|outcome| outcome.session_cookie = Some(Some(token)));
            }
            ChangePasswordPayload { token: shown, changed: Some(true), ..Default::default() }
        })
    }

    /// Has a link to set a new password mailed. The answer is the same whether or not there is such a person.
    #[graphql(directive = public::apply(), directive = alone::apply())]
    async fn request_password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose password is forgotten.")] input: RequestPasswordResetInput,
    ) -> Result<RequestPasswordResetPayload> {
        let log = ctx.services().log.clone();
        throttle::public_action(&log, "reset", ctx.request().network).await?;
        let requested = ctx.detached(async move {
            log.transact(Author::System, async |tx| {
                sign_in::request_password_reset(tx, &input.firm, &input.username).await
            })
            .await
        });
        RequestPasswordResetPayload::answer(requested.await.map(|()| true))
    }

    /// Sets a new password behind the link of a mail; all sessions of the person end, and their devices are forgotten.
    #[graphql(directive = public::apply(), directive = alone::apply())]
    async fn reset_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The link and the new password.")] input: ResetPasswordInput,
    ) -> Result<ResetPasswordPayload> {
        let services = ctx.services().clone();
        throttle::public_action(&services.log, "link", ctx.request().network).await?;
        let (token, new) = (Token::presented(input.token), input.new_password.into());
        let reset = ctx
            .detached(
                async move { sign_in::reset_password(&services.log, &services.hasher, token, new).await },
            )
            .await;
        ResetPasswordPayload::answer(reset)
    }
}

/// Takes the cookie away; answers how many sessions ended.
fn signed_out(ctx: &Context<'_>, sessions: usize) -> i32 {
    ctx.request().outcome(|outcome| (outcome.session_cookie, outcome.acting) = (Some(None), Some(None)));
    i32::try_from(sessions).unwrap_or(i32::MAX)
}
