//! The links in mails: what they are for, how long they hold, where they lead.
//!
//! A token stands behind `#`, which browsers keep to themselves: no server's log and no referrer has it.

use super::letter::Account;
use crate::defaults::{REGISTRATION_LINK, RESET_LINK, UNWANTED_LINK};
use crate::secret::Token;
use chrono::TimeDelta;
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::byte_serialize;

/// What a one-time link is for; the words are those of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To complete a registration.
    Registration,
    /// To set a new password.
    PasswordReset,
    /// To say "this mail is not for me".
    Unwanted,
}

impl Purpose {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "REGISTRATION",
            Self::PasswordReset => "PASSWORD_RESET",
            Self::Unwanted => "UNWANTED",
        }
    }

    /// How long such a link holds.
    pub const fn holds(self) -> TimeDelta {
        match self {
            Self::Registration => REGISTRATION_LINK,
            Self::PasswordReset => RESET_LINK,
            Self::Unwanted => UNWANTED_LINK,
        }
    }
}

/// Where links lead.
#[derive(Clone, Debug)]
pub enum Links {
    /// To the pages of the browser app at this address.
    App(Url),
    /// To the explorer of the service at this address, with the operation ready to run: where there is no app.
    Explorer(Url),
}

const REGISTER: &str = "\
mutation CompleteRegistration($input: CompleteRegistrationInput!) {
  completeRegistration(input: $input) {
    user { handle }
    userErrors { code message field }
  }
}
";
const SIGN_IN: &str = "\
mutation SignIn($input: SignInInput!) {
  signIn(input: $input) {
    expiresAt
    userErrors { code message field }
  }
}
";
const RESET_PASSWORD: &str = "\
mutation ResetPassword($input: ResetPasswordInput!) {
  resetPassword(input: $input) {
    userErrors { code message field }
  }
}
";
const REPORT_UNWANTED: &str = "\
mutation ReportUnwantedMail($input: ReportUnwantedMailInput!) {
  reportUnwantedMail(input: $input) {
    reported
    userErrors { code message }
  }
}
";

impl Links {
    /// To the app if there is one, otherwise to the service's explorer.
    pub fn new(app: Option<Url>, service: Url) -> Self {
        app.map_or(Self::Explorer(service), Self::App)
    }

    /// The link of a purpose, with its token.
    pub fn with_token(&self, purpose: Purpose, token: &Token) -> Url {
        let token = token.reveal();
        match (self, purpose) {
            (Self::App(base), _) => {
                let page = match purpose {
                    Purpose::Registration => "register",
                    Purpose::PasswordReset => "reset-password",
                    Purpose::Unwanted => "unwanted",
                };
                beneath(base, page, Some(&format!("token={token}")))
            }
            (Self::Explorer(base), Purpose::Registration) => {
                let input = json!({ "token": token, "handle": null, "displayName": null, "password": "" });
                explorer(base, REGISTER, input)
            }
            (Self::Explorer(base), Purpose::PasswordReset) => {
                explorer(base, RESET_PASSWORD, json!({ "token": token, "newPassword": "" }))
            }
            (Self::Explorer(base), Purpose::Unwanted) => {
                explorer(base, REPORT_UNWANTED, json!({ "token": token }))
            }
        }
    }

    /// The link to sign in with an account.
    pub fn sign_in(&self, account: &Account) -> Url {
        let (firm, username) = (&account.firm, &account.handle);
        match self {
            Self::App(base) => beneath(base, "sign-in", None),
            Self::Explorer(base) => {
                let input = json!({ "firm": firm, "username": username, "password": "", "cookie": true });
                explorer(base, SIGN_IN, input)
            }
        }
    }
}

fn explorer(base: &Url, query: &str, input: Value) -> Url {
    let variables = json!({ "input": input }).to_string();
    beneath(base, "graphql", Some(&format!("query={}&variables={}", encoded(query), encoded(&variables))))
}

/// A page beneath an address that may have a path of its own.
fn beneath(base: &Url, page: &str, fragment: Option<&str>) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push(page);
    }
    url.set_query(None);
    url.set_fragment(fragment);
    url
}

/// Text for behind the `#`; a space as `%20`, which everybody decodes.
fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap_or_else(|_| unreachable!("{text} is a URL"))
    }

    fn token() -> Token {
        Token::presented("lcl_abc-_".to_owned())
    }

    #[test]
    fn abuse_33_a_token_stands_behind_the_hash() {
        for base in [
            "https://app.example",
            "https://app.example/",
            "https://example.com/app",
            "https://example.com/app/?a=b#c",
        ] {
            let links = Links::App(url(base));
            for purpose in [Purpose::Registration, Purpose::PasswordReset, Purpose::Unwanted] {
                let link = links.with_token(purpose, &token());
                assert_eq!(link.fragment(), Some("token=lcl_abc-_"));
                assert!(link.query().is_none() && !link.path().contains("lcl_"), "{link}");
                assert!(!link.path().contains("//"), "{link}");
            }
        }
        let link = Links::App(url("https://example.com/app/")).with_token(Purpose::Registration, &token());
        assert_eq!(link.as_str(), "https://example.com/app/register#token=lcl_abc-_");
    }

    #[test]
    fn the_explorer_gets_an_operation_that_is_ready_to_run() {
        let links = Links::new(None, url("http://127.0.0.1:8080"));
        let link = links.with_token(Purpose::PasswordReset, &token());
        assert_eq!((link.path(), link.query()), ("/graphql", None));
        let fragment = link.fragment().unwrap_or_default();
        assert!(!fragment.contains('+'), "{fragment}");
        let asked: std::collections::HashMap<_, _> =
            url::form_urlencoded::parse(fragment.as_bytes()).into_owned().collect();
        assert_eq!(asked.get("query").map(String::as_str), Some(RESET_PASSWORD));
        let variables =
            asked.get("variables").map(|text| serde_json::from_str::<Value>(text).unwrap_or_default());
        assert_eq!(variables, Some(json!({ "input": { "token": "lcl_abc-_", "newPassword": "" } })));
    }
}
