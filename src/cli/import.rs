//! `locum import`: brings a firm's people and clients in from CSV files. All of it, or nothing.

use super::say;
use crate::domain::firm::{self, Firm};
use crate::domain::import::{self, Files, Outcome, Report, Source, count};
use crate::error::{Error, ErrorCode};
use crate::events::{Author, Log};
use anyhow::Context;
use clap::ArgGroup;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;

/// Which files, and into which firm.
#[derive(clap::Args)]
#[command(after_help = "\
people.csv: handle,email,display_name and, if there are, kind (ADVISER if empty) and level.
clients.csv: reference,name and, if there are, email (several with ';' between them), primary_adviser and
secondary_adviser (handles of the file or of the firm).
Both are UTF-8 with commas. Further columns are kept in the person's or client's details.")]
#[command(group(ArgGroup::new("files").required(true).multiple(true).args(["people", "clients"])))]
pub struct Args {
    /// The firm's short name.
    #[arg(long, value_name = "SLUG")]
    firm: String,
    /// The people: advisers, assistants and others.
    #[arg(long, value_name = "FILE")]
    people: Option<PathBuf>,
    /// The clients, with the handles of their advisers.
    #[arg(long, value_name = "FILE")]
    clients: Option<PathBuf>,
    /// Mails each imported person a registration link.
    #[arg(long, requires = "people")]
    invite: bool,
    /// Does everything, and takes it back.
    #[arg(long)]
    dry_run: bool,
}

/// What came of it, and what to say about it.
struct Done {
    outcome: Outcome,
    /// Per file, its further columns.
    further: Vec<(String, Vec<String>)>,
}

/// Imports, and prints the report as it goes. Answers failure if a row was refused.
pub async fn run(args: Args, log: &Log) -> anyhow::Result<ExitCode> {
    let (sender, lines) = mpsc::channel::<String>();
    // Printed by a thread of its own: a reader who takes their time must not hold up the transaction. The channel
    // holds at most as many lines as a report has.
    let printer = tokio::task::spawn_blocking(move || lines.iter().for_each(say::line));
    let mut report = Report::new(move |row| {
        let _ = sender.send(row.to_string());
    });
    let done = import(&args, log, &mut report).await;
    let (refused, untold) = (report.refused(), report.untold());
    drop(report);
    printer.await?;
    match done?.filter(|done| done.outcome != Outcome::Refused) {
        Some(done) => close(&args, &done),
        None => {
            refuse(refused, untold);
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `None` if a header was refused.
async fn import(args: &Args, log: &Log, report: &mut Report<'_>) -> anyhow::Result<Option<Done>> {
    let firm = find_firm(args, log).await?;
    let (people, clients) = (source(args.people.as_deref()).await?, source(args.clients.as_deref()).await?);
    let Some(files) = Files::open(people, clients, report).await.map_err(say::error)? else {
        return Ok(None);
    };
    let further = files.further_columns();
    let mut tx = log.begin(Author::Operator).await.map_err(say::error)?;
    let outcome = import::run(&mut tx, firm.id, files, args.invite, report).await;
    if !args.dry_run && matches!(outcome, Ok(Outcome::Imported { .. })) {
        tx.commit().await.map_err(say::error).context("nothing was imported")?;
    } else {
        tx.roll_back().await;
    }
    Ok(Some(Done { outcome: outcome.map_err(say::error).context("nothing was imported")?, further }))
}

async fn find_firm(args: &Args, log: &Log) -> anyhow::Result<Firm> {
    let mut reader = log.reader().await.map_err(say::error)?;
    match firm::require(&mut reader, &args.firm).await {
        Err(Error::Refused(refusal)) if refusal.code == ErrorCode::NotFound => anyhow::bail!(
            "there is no firm with the short name {:?}; `locum user create --new-firm NAME` makes one with its first user",
            args.firm
        ),
        found => found.map_err(say::error),
    }
}

async fn source(path: Option<&Path>) -> anyhow::Result<Option<Source>> {
    let Some(path) = path else { return Ok(None) };
    let file =
        tokio::fs::File::open(path).await.with_context(|| format!("{} cannot be opened", path.display()))?;
    anyhow::ensure!(!file.metadata().await?.is_dir(), "{} is a folder, not a CSV file", path.display());
    Ok(Some(Source { name: path.display().to_string(), content: Box::new(file.into_std().await) }))
}

fn refuse(refused: u64, untold: u64) {
    if untold > 0 {
        say::line(format_args!("… and {untold} more rows."));
    }
    let rows =
        if refused == 1 { "1 row is refused".to_owned() } else { format!("{refused} rows are refused") };
    say::line(format_args!("Nothing was imported: {rows}. Mend the files and import them again."));
}

/// The closing words.
fn close(args: &Args, done: &Done) {
    let Outcome::Imported { people, clients } = done.outcome else { return };
    if people + clients == 0 {
        return say::line("There is nothing to import: no row stands below a header.");
    }
    let what = format!(
        "{people} {} and {}",
        if people == 1 { "person" } else { "people" },
        count(clients, "client")
    );
    if args.dry_run {
        say::line(format_args!("Dry run: {what} can be imported into {}. Nothing was changed.", args.firm));
    } else {
        say::line(format_args!("Imported into {}: {what}.", args.firm));
    }
    for (file, further) in done.further.iter().filter(|(_, further)| !further.is_empty()) {
        say::line(format_args!("Kept in the details, from {file}: {}.", further.join(", ")));
    }
    if people > 0 && !args.dry_run {
        say::line(if args.invite { INVITED } else { NOT_INVITED });
    }
}

const INVITED: &str =
    "Each imported person gets a mail with a registration link, as soon as the service runs.";
const NOT_INVITED: &str = "The imported people are pending: none of them can sign in yet. Each gets a mail with a registration \
    link by asking for a new password (requestPasswordReset, with the firm's short name and their user ID or address); \
    `--invite` would have sent it to all of them.";
