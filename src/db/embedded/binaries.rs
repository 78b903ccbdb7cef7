//! Finds PostgreSQL's server binaries.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The oldest major version that will do.
const OLDEST: u32 = 15;

/// Where package managers put the binaries: the folder above, how the next one's name begins, and the rest.
const PLACES: [(&str, &str, &str); 9] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/usr/local", "pgsql", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/Library/PostgreSQL", "", "bin"),
];

/// A folder with `postgres` and `initdb` of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binaries {
    folder: PathBuf,
    major: u32,
}

impl Binaries {
    /// The binaries of the cluster's major version or, while there is no cluster, the newest.
    pub(super) fn choose(cluster: &Path) -> Result<Self> {
        let found = find();
        match version_of(cluster)? {
            Some(major) => of_major(found, major, cluster),
            None => newest(found),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    pub(super) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    pub(super) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    /// The major version, such as 17.
    pub(super) fn major(&self) -> u32 {
        self.major
    }
}

/// The major version that made the cluster, if there is one.
fn version_of(cluster: &Path) -> Result<Option<u32>> {
    if !cluster.exists() {
        return Ok(None);
    }
    let file = cluster.join("PG_VERSION");
    let version = fs::read_to_string(&file)
        .with_context(|| format!("reading {}; is that folder a PostgreSQL cluster?", file.display()))?;
    let major = version.trim().parse().with_context(|| format!("{} holds no version", file.display()))?;
    Ok(Some(major))
}

fn of_major(found: Vec<Binaries>, major: u32, cluster: &Path) -> Result<Binaries> {
    let others = listed(&found);
    match found.into_iter().find(|binaries| binaries.major == major) {
        Some(binaries) => Ok(binaries),
        None => bail!(
            "{} was made by PostgreSQL {major}, which is not installed; found: {others}. Install PostgreSQL \
             {major}, or start afresh in another folder with --data-dir",
            cluster.display()
        ),
    }
}

fn newest(found: Vec<Binaries>) -> Result<Binaries> {
    let all = listed(&found);
    match found.into_iter().max_by_key(|binaries| binaries.major) {
        Some(binaries) if binaries.major >= OLDEST => Ok(binaries),
        _ => bail!(
            "locum needs the server binaries of PostgreSQL {OLDEST} or newer (`postgres` and `initdb`); found: \
             {all}. Looked in the folders of PATH and in {}. Install them with `apt-get install postgresql`, \
             `dnf install postgresql-server` or `brew install postgresql@17`, or let bin/dev do it; or give \
             locum a database of your own with DATABASE_URL",
            PLACES.map(|(above, name, rest)| format!("{above}/{name}*/{rest}")).join(", ")
        ),
    }
}

fn listed(found: &[Binaries]) -> String {
    let each = found.iter().map(|binaries| format!("{} in {}", binaries.major, binaries.folder.display()));
    Some(each.collect::<Vec<_>>().join(", "))
        .filter(|list| !list.is_empty())
        .unwrap_or_else(|| "none".to_owned())
}

/// All binaries on this machine, those of PATH first.
fn find() -> Vec<Binaries> {
    let mut seen = BTreeSet::new();
    let folders = folders_of_path().into_iter().chain(PLACES.iter().flat_map(|place| folders_of(*place)));
    folders
        .filter_map(|folder| real_folder(&folder))
        .filter(|folder| seen.insert(folder.clone()))
        .filter_map(probe)
        .collect()
}

#[allow(clippy::disallowed_methods, reason = "PATH is the machine's, not part of the configuration.")]
fn folders_of_path() -> Vec<PathBuf> {
    std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect())
        .unwrap_or_default()
}

fn folders_of((above, name, rest): (&str, &str, &str)) -> Vec<PathBuf> {
    let entries = fs::read_dir(above).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(name))
        .map(|entry| entry.path().join(rest))
        .collect()
}

/// Where the two binaries truly are, as `folder` may hold links to them.
fn real_folder(folder: &Path) -> Option<PathBuf> {
    let postgres = folder.join("postgres").canonicalize().ok()?;
    let real = postgres.parent()?.to_owned();
    real.join("initdb").is_file().then_some(real)
}

fn probe(folder: PathBuf) -> Option<Binaries> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let major = major_of(&String::from_utf8_lossy(&output.stdout))?;
    Some(Binaries { folder, major })
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian …)`, also `17beta1` and `18devel`.
fn major_of(version: &str) -> Option<u32> {
    let (_, number) = version.split_once("(PostgreSQL) ")?;
    let end = number.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(number.len());
    number.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_major_version() {
        let major = |version: &str| major_of(&format!("postgres (PostgreSQL) {version}"));
        assert_eq!(major("15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(major("19beta2"), Some(19));
        assert_eq!(major("devel"), None);
        assert_eq!(major_of("something else"), None);
    }

    #[test]
    fn prefers_the_newest_and_says_what_is_missing() {
        let of = |major: u32| Binaries { folder: format!("/pg/{major}").into(), major };
        assert_eq!(newest(vec![of(15), of(17), of(16)]).unwrap(), of(17));
        let error = newest(vec![of(13)]).unwrap_err().to_string();
        assert!(error.contains("found: 13 in /pg/13"), "{error}");
        let error = of_major(vec![of(17)], 16, Path::new("/data")).unwrap_err().to_string();
        assert!(error.contains("made by PostgreSQL 16") && error.contains("17 in /pg/17"), "{error}");
    }
}
