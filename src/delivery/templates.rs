//! The words of the mails: `templates/*.txt`, whose first line is the subject, and `templates/*.html`.
//!
//! Values are data: what someone calls themselves is never read as a template, and in HTML it is escaped. A template
//! that names a value it does not get is an error, not a gap.

use super::letter::Deeds;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior, Value};

/// What a template can name; what a letter does not have is not defined in it. No `Debug`: there are links in it.
#[derive(Default)]
pub struct Values {
    /// The recipient's name, or none.
    pub name: Option<String>,
    /// The firm's name.
    pub firm: String,
    /// When the event happened, in the firm's time zone.
    pub when: String,
    /// The recipient's user ID, and the short name of the firm where they sign in with it.
    pub handle: Option<String>,
    pub sign_in_firm: Option<String>,
    /// Who lets the recipient act for them, and what they may do.
    pub principal: Option<String>,
    pub scope: Option<String>,
    /// From when on and until when that holds, if it has a beginning and an end; whether only at certain hours of the week,
    /// and for certain clients.
    pub begins: Option<String>,
    pub ends: Option<String>,
    pub scheduled: bool,
    pub listed: bool,
    /// Who acts for the recipient, whether they can change anything, and why.
    pub actor: Option<String>,
    pub changes: bool,
    pub reason: Option<String>,
    /// On which days who did what in the recipient's name.
    pub days: Option<String>,
    pub deeds: Vec<Deeds>,
    /// The one link of the mail, and until when it holds.
    pub link: Option<String>,
    pub until: Option<String>,
    /// The link that says "this is not for me".
    pub unwanted: Option<String>,
}

impl Values {
    fn context(&self) -> Value {
        let always = [
            ("name", Value::from(self.name.clone())),
            ("firm", self.firm.clone().into()),
            ("when", self.when.clone().into()),
            ("begins", self.begins.clone().into()),
            ("ends", self.ends.clone().into()),
            ("scheduled", self.scheduled.into()),
            ("listed", self.listed.into()),
            ("changes", self.changes.into()),
            ("reason", self.reason.clone().into()),
            ("deeds", Value::from(Serde(&self.deeds))),
        ];
        let rest = [
            ("handle", &self.handle),
            ("sign_in_firm", &self.sign_in_firm),
            ("principal", &self.principal),
            ("scope", &self.scope),
            ("actor", &self.actor),
            ("days", &self.days),
            ("link", &self.link),
            ("until", &self.until),
            ("unwanted", &self.unwanted),
        ];
        let there = rest.into_iter().filter_map(|(key, value)| Some((key, Value::from(value.clone()?))));
        Value::from_pairs(always.into_iter().chain(there))
    }
}

/// A mail's words.
#[derive(Clone, PartialEq, Eq)]
pub struct Words {
    pub subject: String,
    pub text: String,
    pub html: String,
}

macro_rules! files {
    ($($name:literal),+ $(,)?) => { &[$(($name, include_str!(concat!("templates/", $name)))),+] };
}

const FILES: &[(&str, &str)] = files![
    "layout.html",
    "layout.txt",
    "daily_summary.html",
    "daily_summary.txt",
    "first_impersonation.html",
    "first_impersonation.txt",
    "grant_to_register.html",
    "grant_to_register.txt",
    "grant_to_sign_in.html",
    "grant_to_sign_in.txt",
    "invitation.html",
    "invitation.txt",
    "password_changed.html",
    "password_changed.txt",
    "password_reset.html",
    "password_reset.txt",
    "sign_ins_refused.html",
    "sign_ins_refused.txt",
];

/// All templates, parsed.
pub struct Templates(Environment<'static>);

impl Templates {
    /// Parses them.
    pub fn new() -> Result<Self, Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_formatter(format);
        for (name, text) in FILES {
            environment.add_template(name, text)?;
        }
        Ok(Self(environment))
    }

    /// Puts a mail's words together.
    pub fn render(&self, template: &str, values: &Values) -> Result<Words, Error> {
        let text = self.0.get_template(&format!("{template}.txt"))?.render(values.context())?;
        let html = self.0.get_template(&format!("{template}.html"))?.render(values.context())?;
        let (subject, text) = text.split_once('\n').unwrap_or((&text, ""));
        Ok(Words { subject: subject.trim().to_owned(), text: text.trim().to_owned() + "\n", html })
    }
}

/// Writes a value. minijinja's own escaping also turns `/` into `&#x2f;`, which not every mail program takes back
/// in a link.
fn format(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    match state.auto_escape() {
        AutoEscape::Html if !value.is_safe() => out.write_str(&escape_html(&value.to_string()))?,
        _ => out.write_str(&value.to_string())?,
    }
    Ok(())
}

/// Text for HTML, inside quotes too.
pub fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those that tell something, and have no link.
    const NOTICES: [&str; 4] =
        ["daily_summary", "first_impersonation", "password_changed", "sign_ins_refused"];
    const ALL: [&str; 8] = [
        "daily_summary",
        "first_impersonation",
        "grant_to_register",
        "grant_to_sign_in",
        "invitation",
        "password_changed",
        "password_reset",
        "sign_ins_refused",
    ];

    fn values(text: &str) -> Values {
        let some = || Some(text.to_owned());
        Values {
            name: some(),
            firm: text.to_owned(),
            when: "1 May 2026, 9:00 (Europe/Berlin)".to_owned(),
            handle: some(),
            sign_in_firm: some(),
            principal: some(),
            scope: Some("view and edit".to_owned()),
            begins: Some("1 May 2026, 9:00 (Europe/Berlin)".to_owned()),
            ends: None,
            scheduled: true,
            listed: true,
            actor: some(),
            changes: true,
            reason: some(),
            days: Some("on 1 May 2026".to_owned()),
            deeds: vec![Deeds { actor: text.to_owned(), times: 2, seen: 3, changed: 1, printed: 0 }],
            link: Some("https://app.example/register#token=lcl_a&b=c".to_owned()),
            until: Some("8 May 2026, 9:00 (Europe/Berlin)".to_owned()),
            unwanted: Some("https://app.example/unwanted#token=lcl_b".to_owned()),
        }
    }

    fn words(template: &str, values: &Values) -> Words {
        let rendered = Templates::new().and_then(|templates| templates.render(template, values));
        rendered.unwrap_or_else(|error| unreachable!("{template}: {error:#}"))
    }

    #[test]
    fn abuse_31_values_are_data() {
        let nasty = "{{7*7}} {% include 'layout.txt' %} #PASSWORD# <b onclick='x'>\"&</b>";
        for template in ALL {
            let words = words(template, &values(nasty));
            assert!(words.text.contains(nasty), "{template}: {}", words.text);
            assert!(words.html.contains("{{7*7}} {% include &#39;layout.txt&#39; %} #PASSWORD# &lt;b onclick=&#39;x&#39;&gt;&quot;&amp;"));
            assert!(!words.html.contains("<b "), "{template}");
            assert!(!words.subject.is_empty() && !words.subject.contains('\n'), "{template}");
        }
    }

    #[test]
    fn a_mail_has_its_link_once_in_each_part_and_a_notice_has_none() {
        for template in ALL {
            let words = words(template, &values("Ana"));
            let count = |part: &str, link: &str| part.matches(link).count();
            let expected = usize::from(!NOTICES.contains(&template));
            assert_eq!(
                count(&words.text, "\nhttps://app.example/register#token=lcl_a&b=c\n"),
                expected,
                "{template}"
            );
            assert_eq!(
                count(&words.html, "\"https://app.example/register#token=lcl_a&amp;b=c\""),
                expected,
                "{template}"
            );
            let unwanted = usize::from(template.starts_with("grant"));
            assert_eq!(
                count(&words.text, "\nhttps://app.example/unwanted#token=lcl_b\n"),
                unwanted,
                "{template}"
            );
            assert_eq!(
                count(&words.html, "\"https://app.example/unwanted#token=lcl_b\""),
                unwanted,
                "{template}"
            );
            assert_eq!(count(&words.text, "https://"), expected + unwanted, "{template}");
        }
    }

    #[test]
    fn a_missing_value_is_an_error() {
        let without = Values { link: None, ..values("Ana") };
        let rendered = Templates::new().and_then(|templates| templates.render("invitation", &without));
        assert!(rendered.is_err());
    }

    #[test]
    fn a_recipient_without_a_name_is_greeted_all_the_same() {
        let words = words("grant_to_register", &Values { name: None, ..values("Ana") });
        assert!(words.text.contains("\nHello,\n") || words.text.starts_with("Hello,\n"), "{}", words.text);
        assert!(words.html.contains("<p>Hello,</p>"));
    }
}
