//! Makes a cluster, completely or not at all.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use super::binaries::Binaries;
use super::folder::Folder;
use super::run_as::{RunAs, die_with_parent};
use super::session::SUPERUSER;

/// Makes the cluster beside its place and moves it there when it is whole, so that a crash leaves no half of
/// one.
pub(super) fn make(binaries: &Binaries, folder: &Folder, run_as: &RunAs) -> Result<()> {
    tracing::info!(major = binaries.major(), folder = %folder.path().display(), "making a PostgreSQL cluster");
    let draft = folder.draft();
    let mut said = String::new();
    for locale in locales(binaries.major()) {
        prepare(&draft, run_as)?;
        let output = run(binaries, folder, run_as, locale)?;
        if output.status.success() {
            return publish(&draft, folder);
        }
        said = String::from_utf8_lossy(&output.stderr).into_owned();
    }
    bail!("PostgreSQL's initdb could not make a cluster in {}: {}", draft.display(), said.trim())
}

/// The ways to ask for a sort order by code point and for letters of all languages, best first. The last one,
/// for machines that know no `C.UTF-8`, takes only ASCII for letters.
fn locales(major: u32) -> &'static [&'static [&'static str]] {
    const BUILT_IN: &[&str] = &["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
    const OF_THE_SYSTEM: &[&str] = &["--locale=C", "--lc-ctype=C.UTF-8"];
    const ASCII: &[&str] = &["--locale=C"];
    if major >= 17 { &[BUILT_IN] } else { &[OF_THE_SYSTEM, ASCII] }
}

/// An empty folder for the draft, instead of what a crash may have left there.
fn prepare(draft: &Path, run_as: &RunAs) -> Result<()> {
    match fs::remove_dir_all(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("removing the half-made cluster {}", draft.display()));
        }
        _ => {}
    }
    fs::DirBuilder::new().mode(0o700).create(draft).with_context(|| format!("making {}", draft.display()))?;
    run_as.own(draft)
}

fn run(binaries: &Binaries, folder: &Folder, run_as: &RunAs, locale: &[&str]) -> Result<Output> {
    let mut command = run_as.command(&binaries.initdb(), folder.path());
    command.arg("-D").arg(folder.draft()).arg("-U").arg(SUPERUSER);
    command.args(["--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--data-checksums"]);
    command.arg("--no-instructions").args(locale);
    // Killed outright: on a milder signal it would tidy up, late, and take the next run's draft for its own.
    die_with_parent(&mut command, Signal::KILL);
    command.output().with_context(|| format!("running {}", binaries.initdb().display()))
}

fn publish(draft: &Path, folder: &Folder) -> Result<()> {
    let cluster = folder.cluster();
    fs::rename(draft, &cluster)
        .with_context(|| format!("moving {} to {}", draft.display(), cluster.display()))?;
    let above = File::open(folder.path()).and_then(|above| above.sync_all());
    above.with_context(|| format!("writing {} to disk", folder.path().display()))
}
