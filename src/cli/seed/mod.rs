//! `locum seed`: a firm as large as firms get, to try the service and measure it on. The same seed makes the same firm.

mod firm;
mod names;

use super::dev::PASSPHRASE;
use super::say;
use crate::app::App;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::process::ExitCode;
use std::time::Instant;

/// How large, and by which seed.
#[derive(clap::Args)]
pub struct Args {
    /// Makes the large firm; there is no other kind.
    #[arg(long, required = true)]
    scale: bool,
    /// The firm's short name.
    #[arg(long, value_name = "SLUG", default_value = "scale")]
    firm: String,
    /// How many clients.
    #[arg(long, default_value_t = 1_000_000)]
    clients: usize,
    /// How many users; one of ten is an assistant, the others are advisers.
    #[arg(long, default_value_t = 5_000, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(20..))]
    users: usize,
    /// How many workgroups.
    #[arg(long, default_value_t = 2_000, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    workgroups: usize,
    /// What all chances are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Makes it, and says whom to sign in as.
pub async fn run(args: Args, app: &App) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let hash = app.services.hasher.hash(PASSPHRASE.to_owned().into()).await.map_err(say::error)?;
    let mut chance = StdRng::seed_from_u64(args.seed);
    firm::make(&args, &app.log, &hash, &mut chance).await.map_err(say::error)?;
    let Args { firm, clients, users, workgroups, seed, .. } = &args;
    let seconds = started.elapsed().as_secs_f64();
    say::line(format_args!(
        "{firm}: {clients} clients, {users} users, {workgroups} workgroups of seed {seed}, in {seconds:.1} s.
In 1, 20 and 200 workgroups: {}; the setup admin: sam. Everybody's passphrase: {PASSPHRASE}
A common name: Smith; a rare one: {}. Let PostgreSQL know what is there now: vacuum analyze",
        firm::REACHES.map(|(handle, _)| handle).join(", "),
        names::of_its_own(clients / 2),
    ));
    Ok(ExitCode::SUCCESS)
}
