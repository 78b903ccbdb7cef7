//! `locum user`: users whom the operator vouches for, above all the first one.

use super::say;
use crate::app::App;
use crate::caller::{Capability, Kind};
use crate::domain::firm::{self, NewFirm};
use crate::domain::user::password::{LONGEST, Password};
use crate::domain::user::{self, Invitation, User};
use crate::error::{ErrorCode, Refusal};
use crate::events::{Author, Tx};
use anyhow::{Context, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

/// What to do with users.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Adds a user to a firm: with a password from a file or from standard input, or invited by mail.
    Create(Box<Create>),
}

/// Who it is.
#[derive(clap::Args)]
pub struct Create {
    /// The firm's short name.
    #[arg(long, value_name = "SLUG")]
    firm: String,
    /// The user ID.
    #[arg(long)]
    handle: String,
    /// The address; it is taken as proven if there is a password.
    #[arg(long)]
    email: String,
    /// The name that others see.
    #[arg(long)]
    name: String,
    /// What kind of user; the first one of a new firm is an ADVISER.
    #[arg(long, value_parser = one_of::<Kind>(Kind::ALL.iter().map(|kind| kind.as_str())), ignore_case = true)]
    #[arg(required_unless_present = "new_firm", conflicts_with = "new_firm")]
    kind: Option<Kind>,
    /// An administrative right; may be given several times. The first user of a new firm is its SETUP_ADMIN.
    #[arg(long = "capability", value_name = "CAPABILITY", conflicts_with = "new_firm", ignore_case = true)]
    #[arg(value_parser = one_of::<Capability>(Capability::ALL.iter().map(|capability| capability.as_str())))]
    capabilities: Vec<Capability>,
    /// A file that holds the password; by default it is read from standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "invite")]
    password_file: Option<PathBuf>,
    /// Mails a registration link instead.
    #[arg(long)]
    invite: bool,
    /// Makes the firm first, with this name.
    #[arg(long, value_name = "NAME", requires = "time_zone")]
    new_firm: Option<String>,
    /// The new firm's time zone, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE", requires = "new_firm")]
    time_zone: Option<String>,
}

/// One of these words, in whichever case.
fn one_of<T>(words: impl Iterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = String> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words)
        .try_map(|word| word.to_uppercase().parse::<T>().map_err(std::io::Error::other))
}

/// Does it.
pub async fn run(command: Command, app: &App) -> anyhow::Result<ExitCode> {
    let Command::Create(new) = command;
    let hash = match new.invite {
        true => None,
        false => Some(hash(app, &new).await?),
    };
    let (invite, firm) = (new.invite, new.firm.clone());
    let created = app.log.transact(Author::Operator, async |tx| create(tx, *new, hash).await).await;
    let user = created.map_err(say::error)?;
    say::line(match invite {
        true => format!(
            "{} of {firm} is invited: a mail with a registration link goes out as soon as the service runs.",
            user.handle
        ),
        false => format!("{} of {firm} can sign in.", user.handle),
    });
    Ok(ExitCode::SUCCESS)
}

async fn create(tx: &mut Tx, new: Create, hash: Option<String>) -> crate::error::Result<User> {
    if let (Some(name), Some(time_zone)) = (new.new_firm, new.time_zone) {
        let firm = NewFirm {
            slug: new.firm,
            name,
            time_zone,
            handle: new.handle,
            email: new.email,
            display_name: new.name,
        };
        return Ok(firm::create(tx, firm, hash).await?.1);
    }
    let Some(firm) = firm::by_slug(tx.sql(), &new.firm).await? else {
        let message = "There is no such firm. Add --new-firm NAME --time-zone ZONE to make it.";
        return Err(Refusal::new(ErrorCode::NotFound).at("firm").saying(message).into());
    };
    let (kind, capabilities) = (new.kind.unwrap_or(Kind::Adviser), new.capabilities);
    let invitation = Invitation {
        handle: new.handle,
        email: new.email,
        display_name: new.name,
        kind,
        level: None,
        capabilities,
    };
    user::create(tx, firm.id, invitation, hash).await.map_err(|error| error.at("handle"))
}

/// Reads the password, judges it by the same rules as everywhere, and hashes it.
async fn hash(app: &App, new: &Create) -> anyhow::Result<String> {
    let file = new.password_file.clone();
    let password = tokio::task::spawn_blocking(move || read_password(file.as_deref())).await??;
    let known = [new.email.as_str(), new.handle.as_str(), new.name.as_str()];
    if let Err(crate::error::Error::Refused(refusal)) = password.check("password", &known) {
        bail!("{}", refusal.message);
    }
    app.services.hasher.hash(password).await.map_err(say::error)
}

/// A password is the whole text but the line end behind it. Never an argument: those are seen by everybody on the
/// machine, and kept by the shell.
fn read_password(file: Option<&Path>) -> anyhow::Result<Password> {
    let source: Box<dyn Read> = match file {
        Some(path) => Box::new(
            File::open(path)
                .with_context(|| format!("the password file {} cannot be opened", path.display()))?,
        ),
        None if std::io::stdin().is_terminal() => bail!(
            "there is no password: name a file that holds it (--password-file FILE), or pipe it into the command, or invite the person (--invite)"
        ),
        None => Box::new(std::io::stdin()),
    };
    // More than the longest password is not read: the rules refuse it, whatever follows.
    let (mut text, most) = (String::new(), LONGEST as u64 + 16);
    source.take(most).read_to_string(&mut text).context("the password cannot be read as UTF-8 text")?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Password::from(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}
