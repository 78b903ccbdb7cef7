//! Flag > environment > file > default; and what is wrong is said.

use super::environment::Environment;
use super::*;
use figment::value::Dict;
use std::ffi::OsString;
use std::fs;

struct Setup {
    file: Option<Temporary>,
    variables: Vec<(&'static str, String)>,
    flags: Dict,
}

impl Setup {
    fn new() -> Self {
        Self { file: None, variables: Vec::new(), flags: Dict::new() }
    }

    fn var(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    fn file(mut self, text: &str) -> Self {
        self.file = Some(written(text));
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.flags.insert(key.to_owned(), value.into());
        self
    }

    fn load(self) -> anyhow::Result<(Config, Figment)> {
        let variables =
            self.variables.into_iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        load_from(self.file.as_ref().map(|file| file.0.as_path()), &Environment::of(variables)?, self.flags)
    }

    fn config(self) -> Config {
        self.load().unwrap_or_else(|error| panic!("{error:#}")).0
    }

    fn error(self) -> String {
        format!("{:#}", self.load().err().unwrap_or_else(|| panic!("it was taken")))
    }
}

/// A file that is gone when dropped.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A file of its own with this text.
fn written(text: &str) -> Temporary {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("locum-config-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    fs::write(&path, text).unwrap_or_else(|error| panic!("{error}"));
    Temporary(path)
}

#[test]
fn a_flag_goes_over_the_environment_over_the_file_over_the_default() {
    let file = "log = 'debug'\ndatabase_pool = 3\nlisten = '127.0.0.1:1'\n[limits]\ndepth = 3\n";
    let setup = Setup::new().file(file).var("LOCUM_DATABASE_POOL", "4").var("LOCUM_LISTEN", "127.0.0.1:2");
    let setup = setup.var("LOCUM_LIMITS__COST_BUCKET", "77").flag("listen", "127.0.0.1:3");
    let (config, figment) = setup.load().unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!((config.listen.port(), config.database_pool, config.log.as_str()), (3, 4, "debug"));
    assert_eq!((config.limits.depth, config.limits.cost_bucket, config.limits.aliases), (3, 77, 30));
    assert_eq!(config.ops_listen.port(), 9090);
    let source = |key: &str| {
        let row = explained(&figment).into_iter().find(|(name, ..)| name == key);
        row.map(|(_, value, source)| format!("{value} {source}")).unwrap_or_default()
    };
    assert_eq!(source("listen"), "\"127.0.0.1:3\" flag");
    assert_eq!(source("database_pool"), "4 LOCUM_DATABASE_POOL");
    assert_eq!(source("limits.cost_bucket"), "77 LOCUM_LIMITS__COST_BUCKET");
    assert!(source("log").starts_with("\"debug\" /"), "{}", source("log"));
    assert_eq!(source("ops_listen"), "\"127.0.0.1:9090\" default");
    assert_eq!(source("app_url"), "(not set) default");
}

#[test]
fn without_anything_the_defaults_hold_and_say_what_serve_misses() {
    let config = Setup::new().var("LOCUM_SMTP_HOST", "").config();
    assert_eq!(config.smtp_host, None);
    assert_eq!(missing_for_serve(&config).len(), 6);
}

#[test]
fn secrets_are_taken_as_they_stand_and_never_shown() {
    for secret in ["12345", "[\"a\"]", "{a}", "true", "\"x\"", " x "] {
        let setup = Setup::new().var("LOCUM_SMTP_PASSWORD", secret).var("LOCUM_SMTP_USERNAME", "007");
        let (config, figment) = setup.load().unwrap_or_else(|error| panic!("{error:#}"));
        assert_eq!(config.smtp_password.as_ref().map(ExposeSecret::expose_secret), Some(secret));
        assert_eq!(config.smtp_username.as_deref(), Some("007"));
        let table = format!(
            "{:?}",
            explained(&figment).iter().filter(|(key, ..)| key == "smtp_password").collect::<Vec<_>>()
        );
        assert!(table.contains("(secret)") && !table.contains(&format!("{secret:?}")), "{table}");
        assert!(!format!("{config:?}").contains("12345"));
    }
    let error = Setup::new().file("smtp_password = 12345").error();
    assert!(error.contains("smtp_password") && !error.contains("12345"), "{error}");
    let error = Setup::new().var("DATABASE_URL", "postgres://me:hunter2@host:notaport/x").error();
    assert!(error.contains("database_url (DATABASE_URL)") && !error.contains("hunter2"), "{error}");
}

#[test]
fn a_secret_can_come_from_a_file() {
    let secret = written("postgres://a@b/c\r\n");
    let file = secret.0.display().to_string();
    for name in ["DATABASE_URL_FILE", "LOCUM_DATABASE_URL_FILE"] {
        let (config, figment) =
            Setup::new().var(name, &file).load().unwrap_or_else(|error| panic!("{error:#}"));
        assert_eq!(config.database_url().ok(), Some("postgres://a@b/c"));
        let table = format!("{:?}", explained(&figment));
        assert!(table.contains(&format!("{name} ({file})")), "{table}");
    }
    let both = Setup::new().var("DATABASE_URL", "postgres://a@b/c").var("DATABASE_URL_FILE", &file).error();
    assert_eq!(both, "both DATABASE_URL and DATABASE_URL_FILE are set; unset one of them");
    let own = Setup::new()
        .var("DATABASE_URL", "postgres://a@b/c")
        .var("LOCUM_DATABASE_URL", "postgres://a@b/own")
        .config();
    assert_eq!(own.database_url().ok(), Some("postgres://a@b/own"));
    assert!(
        Setup::new()
            .var("LOCUM_SMTP_PASSWORD_FILE", "/nowhere")
            .error()
            .contains("LOCUM_SMTP_PASSWORD_FILE names /nowhere")
    );
    let empty = written("\n");
    let error = Setup::new().var("LOCUM_SMTP_PASSWORD_FILE", empty.0.display().to_string()).error();
    assert!(error.contains("which is empty"), "{error}");
}

#[test]
fn unknown_keys_are_errors_wherever_they_stand() {
    let error = Setup::new()
        .file("typo = 1\n[limits]\nbogus = 2\n")
        .var("LOCUM_TYPO2", "1")
        .var("LOCUM_LIMITS__X", "1")
        .error();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines.len(), 6, "{error}");
    assert!(error.contains("\n  typo2 (LOCUM_TYPO2): there is no such setting\n"), "{error}");
    assert!(error.contains("\n  limits.x (LOCUM_LIMITS__X): there is no such setting\n"), "{error}");
    assert!(
        error.contains("\n  limits.bogus (/")
            && error.contains("\n  typo (/")
            && error.contains("limits.cost_bucket"),
        "{error}"
    );
    let kubernetes = Setup::new().var("LOCUM_PORT", "tcp://10.0.0.1:80").var("LOCUM_SERVICE_PORT_HTTP", "80");
    kubernetes.var("LOCUM_PORT_80_TCP_ADDR", "10.0.0.1").var("LOCUM_SERVICE_HOST", "10.0.0.1").config();
}

#[test]
fn lists_and_switches_from_the_environment() {
    for list in
        [r#"["https://a.example","http://b.example:8443"]"#, "https://a.example, http://b.example:8443"]
    {
        let config = Setup::new().var("LOCUM_ALLOWED_ORIGINS", list).config();
        assert_eq!(config.allowed_origins, ["https://a.example", "http://b.example:8443"]);
    }
    let config =
        Setup::new().var("LOCUM_TRUSTED_PROXIES", "10.0.0.1,::1").var("LOCUM_EXPLORER", "1").config();
    assert_eq!((config.trusted_proxies.len(), config.explorer), (2, true));
    assert_eq!(Setup::new().var("LOCUM_SMTP_PORT", "2525").config().smtp_port, Some(2525));
    assert!(
        Setup::new()
            .var("LOCUM_ALLOWED_ORIGINS", "[https://a.example")
            .error()
            .contains("LOCUM_ALLOWED_ORIGINS: this is not a list")
    );
}

#[test]
fn what_cannot_work_is_said_with_its_place() {
    let cases = [
        ("LOCUM_DATABASE_POOL", "many", r#"database_pool (LOCUM_DATABASE_POOL): "many" is not a number"#),
        ("LOCUM_DATABASE_POOL", "0", "database_pool (LOCUM_DATABASE_POOL): at least 1"),
        (
            "LOCUM_DATABASE_POOL",
            "-1",
            "database_pool (LOCUM_DATABASE_POOL): -1 is not a number that is neither negative",
        ),
        ("LOCUM_SMTP_PORT", "99999", "smtp_port (LOCUM_SMTP_PORT): 99999 is not a number"),
        ("LOCUM_LISTEN", "8080", "listen (LOCUM_LISTEN): "),
        ("LOCUM_EXPLORER", "maybe", r#"explorer (LOCUM_EXPLORER): "maybe" is not true or false"#),
        ("LOCUM_SMTP_TLS", "ssl", r#"smtp_tls (LOCUM_SMTP_TLS): "ssl" is not one of tls, starttls, none"#),
        ("LOCUM_APP_URL", "app.example.com", "app_url (LOCUM_APP_URL): "),
        ("LOCUM_APP_URL", "mailto:a@b.example", "app_url (LOCUM_APP_URL): an address begins with"),
        (
            "LOCUM_ALLOWED_ORIGINS",
            "https://a.example/",
            "allowed_origins (LOCUM_ALLOWED_ORIGINS): an origin is",
        ),
        ("LOCUM_TRUSTED_PROXIES", "proxy", "trusted_proxies.0 (LOCUM_TRUSTED_PROXIES): "),
        ("LOCUM_ENCRYPTION_KEY", "c2hvcnQ=", "encryption_key (LOCUM_ENCRYPTION_KEY): 32 bytes in base64"),
        ("LOCUM_MAIL_FROM", "Locum", "mail_from (LOCUM_MAIL_FROM): write it as"),
        ("LOCUM_LOG", "a=b=c", "log (LOCUM_LOG): "),
        ("LOCUM_SMTP_PASSWORD", "x", "smtp_username (default): smtp_password is set without it"),
        ("LOCUM_LIMITS__ERRORS", "0", "at least 1: errors"),
        ("LOCUM_LIMITS", "5", r#"limits (LOCUM_LIMITS): "5" is not "#),
        ("LOCUM_OPS_LISTEN", "127.0.0.1:8080", "ops_listen (LOCUM_OPS_LISTEN): is the same as listen"),
        ("LOCUM_CONFIG", "/nowhere.toml", "the configuration file /nowhere.toml cannot be read"),
    ];
    for (name, value, expected) in cases {
        let error = Setup::new().var(name, value).error();
        assert!(error.contains(expected), "{name}={value}: {error}");
    }
    let error = Setup::new().file("listen = 8080").error();
    assert!(error.contains("listen (/") && error.contains("): 8080 is not "), "{error}");
}

#[test]
fn a_file_that_is_not_toml_is_refused_without_showing_its_secrets() {
    let error = Setup::new().file("log = 'info'\nsmtp_password = \"hunter2\n").error();
    assert!(error.contains("TOML parse error at line 2") && !error.contains("hunter2"), "{error}");
}
