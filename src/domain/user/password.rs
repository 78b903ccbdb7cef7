//! Passwords: which are taken, and how they are hashed.
//!
//! Hashing is heavy on purpose (argon2id, 19 MiB, two passes). It has threads of its own, one per core, behind a
//! queue with a bound; when the queue is full, the caller is told to come back. Nothing else slows down: the
//! threads yield to all others. Verifying against nothing costs the same as against a real hash.

use crate::error::{Error, ErrorCode, Refusal, Result};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use std::collections::HashSet;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, LazyLock, Mutex};
use tokio::sync::oneshot;

/// Fewest characters of a password that stands alone.
pub const SHORTEST: usize = 15;
/// Most bytes of a password.
pub const LONGEST: usize = 1_024;
/// Seconds after which a full queue has room again.
const QUEUE_RETRY: u32 = 2;

/// A password as someone typed it; no log shows it.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(SecretString::from(text))
    }
}

impl Password {
    /// Refuses what is too short, too long, common, or made of what everybody knows about the person.
    pub fn check(&self, field: &str, known: &[&str]) -> Result<()> {
        let refuse = |why: String| Err(Refusal::new(ErrorCode::PasswordRefused).at(field).saying(why).into());
        let text = self.0.expose_secret();
        if text.len() > LONGEST {
            return refuse(format!("A password has at most {LONGEST} bytes."));
        }
        if text.chars().count() < SHORTEST {
            return refuse(format!(
                "A password has at least {SHORTEST} characters. A few words in a row make a good one."
            ));
        }
        let folded = text.to_lowercase();
        let bare = unit(&folded);
        let is_known = known
            .iter()
            .any(|word| !word.is_empty() && (word.to_lowercase() == folded || word.to_lowercase() == bare));
        if is_known
            || BLOCKLIST.contains(folded.as_str())
            || BLOCKLIST.contains(bare)
            || bare.chars().count() < 4
            || is_a_sequence(&folded)
        {
            return refuse("This password is one of the first that anybody would try.".to_owned());
        }
        Ok(())
    }

    /// Whether it can be a password at all; what is longer is not even hashed.
    pub fn is_too_long(&self) -> bool {
        self.0.expose_secret().len() > LONGEST
    }
}

/// What a text repeats: `secretsecretsecret` is no better than `secret`.
fn unit(text: &str) -> &str {
    let cuts = text.char_indices().map(|(at, _)| at).skip(1).take_while(|at| at * 2 <= text.len());
    let mut units = cuts.filter(|at| text.len().is_multiple_of(*at)).filter_map(|at| text.get(..at));
    units.find(|unit| unit.repeat(text.len() / unit.len()) == text).unwrap_or(text)
}

/// Each character follows the one before, as in `abcdefghijklmno` or `987654321…`.
fn is_a_sequence(text: &str) -> bool {
    let steps: HashSet<i64> = text
        .chars()
        .zip(text.chars().skip(1))
        .map(|(a, b)| i64::from(u32::from(b)) - i64::from(u32::from(a)))
        .collect();
    steps.iter().all(|step| [-9, -1, 0, 1, 9].contains(step))
}

/// Common passwords, in lower case.
static BLOCKLIST: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("../../../assets/password-blocklist.txt").lines();
    lines.filter(|line| !line.starts_with('#') && !line.is_empty()).collect()
});

/// The threads that hash.
#[derive(Clone)]
pub struct Hasher {
    queue: SyncSender<Job>,
    /// A hash of nothing anybody knows, to verify against where there is no user.
    nobody: Arc<str>,
}

type Job = Box<dyn FnOnce(&Argon2<'static>) + Send>;

impl Hasher {
    /// Starts the threads: one per core, `queue` jobs waiting at most.
    pub fn start(queue: usize) -> anyhow::Result<Self> {
        let (sender, receiver) = sync_channel::<Job>(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        for index in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            let receiver = receiver.clone();
            std::thread::Builder::new()
                .name(format!("argon2-{index}"))
                .spawn(move || hash_forever(&receiver))?;
        }
        let nobody =
            Argon2::default().hash_password(&[0; 32]).map_err(|error| anyhow::anyhow!("argon2: {error}"))?;
        Ok(Self { queue: sender, nobody: nobody.to_string().into() })
    }

    /// The hash of a password, in PHC form.
    pub async fn hash(&self, password: Password) -> Result<String> {
        let job = move |argon2: &Argon2<'static>| {
            argon2.hash_password(password.0.expose_secret().as_bytes()).map(|hash| hash.to_string())
        };
        self.run(job).await?.map_err(|error| Error::internal(error.to_string()))
    }

    /// Whether the password belongs to the hash. Without a hash: no, after the same work.
    pub async fn verify(&self, password: Password, hash: Option<String>) -> Result<bool> {
        if password.is_too_long() {
            return Ok(false);
        }
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.to_string());
        let job = move |argon2: &Argon2<'static>| {
            let parsed = PasswordHash::new(&hash).map_err(|error| error.to_string())?;
            Ok::<_, String>(argon2.verify_password(password.0.expose_secret().as_bytes(), &parsed).is_ok())
        };
        let matches = self.run(job).await?.map_err(Error::internal)?;
        Ok(known && matches)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T> {
        let (done, result) = oneshot::channel();
        let job: Job = Box::new(move |argon2| {
            let _ = done.send(work(argon2));
        });
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Error::retry_after(ErrorCode::Unavailable, QUEUE_RETRY),
            TrySendError::Disconnected(_) => Error::internal("the hashing threads are gone"),
        })?;
        result.await.map_err(Error::internal)
    }
}

fn hash_forever(receiver: &Mutex<Receiver<Job>>) {
    // On Linux a thread's own priority: hashing waits for whatever else wants the core.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 10);
    let argon2 = Argon2::default();
    loop {
        let job = receiver.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).recv();
        let Ok(job) = job else { return };
        job(&argon2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_anybody_would_try_is_refused_and_a_few_words_are_not() {
        let check = |text: &str| {
            Password::from(text.to_owned()).check("password", &["ana.underwood@harbour.example"]).is_ok()
        };
        for bad in [
            "short",
            "passwordpassword",
            "aaaaaaaaaaaaaaaa",
            "abcdefghijklmnop",
            "abababababababab",
            "Ana.Underwood@harbour.example",
            &"x".repeat(1_025),
        ] {
            assert!(!check(bad), "{bad}");
        }
        assert!(check("locum-demo-passphrase"));
        assert!(check("drei alte Männer spielen Karten"));
    }
}
