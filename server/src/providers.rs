//! The settings of providers that users can sign in with. OpenID Connect issuers have variables with the names
//! that the operator gives them: `LATCHKEY_OIDC_<NAME>_ISSUER`.

use std::{collections::BTreeSet, ffi::OsString};

use accounts::{Issuer, ProviderKind, ProviderName, ProviderSettings};
use clap::{ArgAction::Set, Args};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    environment::{Environment, Value},
    failure::Failure,
    parsing::{choice, trimmed},
};

/// How many providers there can be.
const LIMIT: usize = 10;

/// What the variables of issuers begin with.
const PREFIX: &str = "LATCHKEY_OIDC_";

const ISSUER: &str = "_ISSUER";
const CLIENT_ID: &str = "_CLIENT_ID";
const CLIENT_SECRET: &str = "_CLIENT_SECRET";
const SCOPES: &str = "_SCOPES";
const LABEL: &str = "_LABEL";
const TRUST_EMAIL: &str = "_TRUST_EMAIL";

/// What they end with.
const SUFFIXES: [&str; 6] = [ISSUER, CLIENT_ID, CLIENT_SECRET, SCOPES, LABEL, TRUST_EMAIL];

/// What is asked for by default, besides `openid`.
const DEFAULT_SCOPES: &str = "email profile";

/// The longest label, in characters.
const LABEL_LIMIT: usize = 60;

/// GitHub.
#[derive(Args)]
pub struct GitHubConfig {
    /// Client ID of an OAuth app at GitHub, with which users can sign in [default: none]
    #[arg(long, env = "LATCHKEY_GITHUB_CLIENT_ID")]
    github_client_id: Option<String>,
    /// Its client secret.
    #[arg(long, env = "LATCHKEY_GITHUB_CLIENT_SECRET", hide_env_values = true)]
    github_client_secret: Option<SecretString>,
    /// URL of a GitHub Enterprise server.
    #[arg(long, env = "LATCHKEY_GITHUB_URL", default_value = "https://github.com", value_parser = trimmed::<Issuer>)]
    github_url: Issuer,
    /// true: an email address that GitHub has verified counts as verified.
    #[arg(long, env = "LATCHKEY_GITHUB_TRUST_EMAIL", default_value = "false", action = Set, value_parser = choice("true", "false"))]
    github_trust_email: bool,
}

impl GitHubConfig {
    fn provider(&self) -> Result<Option<ProviderSettings>, Failure> {
        let (id, secret) = match (&self.github_client_id, &self.github_client_secret) {
            (None, None) => return Ok(None),
            (Some(id), Some(secret)) => (id, secret),
            (Some(_), None) => return Err(missing("LATCHKEY_GITHUB_CLIENT_SECRET")),
            (None, Some(_)) => return Err(missing("LATCHKEY_GITHUB_CLIENT_ID")),
        };
        Ok(Some(ProviderSettings {
            name: "github".parse().map_err(Failure::new)?,
            label: "GitHub".to_owned(),
            kind: ProviderKind::GitHub {
                url: self.github_url.clone(),
            },
            client_id: id.trim().to_owned(),
            client_secret: SecretString::from(secret.expose_secret().trim()),
            scopes: vec!["user:email".to_owned()],
            trusts_email: self.github_trust_email,
        }))
    }
}

/// Returns all providers, sorted by name, with GitHub at the end.
///
/// # Errors
/// When there are too many, or two have the same name.
pub fn all(
    github: &GitHubConfig,
    issuers: &[ProviderSettings],
) -> Result<Vec<ProviderSettings>, Failure> {
    let mut all = issuers.to_vec();
    if let Some(github) = github.provider()? {
        if issuers.iter().any(|issuer| issuer.name == github.name) {
            return Err(Failure::new(
                "LATCHKEY_OIDC_GITHUB_ISSUER: the name is that of LATCHKEY_GITHUB_CLIENT_ID; choose another one",
            ));
        }
        all.push(github);
    }
    if all.len() > LIMIT {
        return Err(Failure::new(format!(
            "LATCHKEY_OIDC_…: there can be at most {LIMIT} providers"
        )));
    }
    Ok(all)
}

/// Whether a variable is a setting of an issuer.
pub fn is_setting(variable: &str) -> bool {
    name_of(variable).is_some()
}

/// Returns the issuers in the environment.
///
/// # Errors
/// When a setting is missing or can't be read.
pub fn in_environment(environment: &Environment) -> Result<Vec<ProviderSettings>, Failure> {
    read(environment.names(), |variable| environment.value(variable))
}

/// Returns the issuers of a program that embeds the server: settings given in code take precedence over the
/// environment.
///
/// # Errors
/// As [`in_environment`].
pub fn given(
    given: &[(String, OsString)],
    environment: Option<&Environment>,
) -> Result<Vec<ProviderSettings>, Failure> {
    let in_code = given.iter().map(|(name, _)| name.as_str());
    let names = environment.into_iter().flat_map(Environment::names);
    read(in_code.chain(names), |variable| {
        match given.iter().rfind(|(name, _)| name == variable) {
            Some((_, text)) => Ok((!text.is_empty()).then(|| Value {
                variable: variable.to_owned(),
                text: text.clone(),
            })),
            None => match environment {
                Some(environment) => environment.value(variable),
                None => Ok(None),
            },
        }
    })
}

/// Reads all issuers that these variables name.
fn read<'a>(
    variables: impl Iterator<Item = &'a str>,
    value: impl Fn(&str) -> Result<Option<Value>, Failure>,
) -> Result<Vec<ProviderSettings>, Failure> {
    let names: BTreeSet<_> = variables.filter_map(name_of).collect();
    let issuers = names.iter().map(|name| issuer(name, &value));
    issuers.collect()
}

/// Returns the part of a variable that names an issuer.
fn name_of(variable: &str) -> Option<&str> {
    let variable = variable.strip_suffix("_FILE").unwrap_or(variable);
    let rest = variable.strip_prefix(PREFIX)?;
    let name = SUFFIXES
        .iter()
        .find_map(|suffix| rest.strip_suffix(suffix))?;
    let is_part = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_';
    (name.bytes().all(is_part) && provider_name(name).is_ok()).then_some(name)
}

fn provider_name(name: &str) -> Result<ProviderName, accounts::InvalidProviderName> {
    name.to_ascii_lowercase().replace('_', "-").parse()
}

fn issuer(
    name: &str,
    value: &impl Fn(&str) -> Result<Option<Value>, Failure>,
) -> Result<ProviderSettings, Failure> {
    let optional = |suffix: &str| text(value(&format!("{PREFIX}{name}{suffix}"))?);
    let required = |suffix: &str| {
        let found = optional(suffix)?;
        found.ok_or_else(|| missing(&format!("{PREFIX}{name}{suffix}")))
    };
    let issuer: Issuer = parse(&required(ISSUER)?, trimmed)?;
    let provider = provider_name(name).map_err(Failure::new)?;
    let label = match optional(LABEL)? {
        Some(text) => parse(&text, label)?,
        None => provider.to_string(),
    };
    let scopes = optional(SCOPES)?.map(|(_, text)| text);
    let scopes = scopes.as_deref().unwrap_or(DEFAULT_SCOPES).split(' ');
    Ok(ProviderSettings {
        name: provider,
        label,
        kind: ProviderKind::OpenIdConnect { issuer },
        client_id: required(CLIENT_ID)?.1,
        client_secret: SecretString::from(required(CLIENT_SECRET)?.1),
        scopes: scopes
            .filter(|scope| !scope.is_empty() && *scope != "openid")
            .map(str::to_owned)
            .collect(),
        trusts_email: match optional(TRUST_EMAIL)? {
            Some(text) => parse(&text, choice("true", "false"))?,
            None => false,
        },
    })
}

fn missing(variable: &str) -> Failure {
    Failure::new(format!("{variable}: set it, too"))
}

/// Returns the variable and the text of a value.
fn text(value: Option<Value>) -> Result<Option<(String, String)>, Failure> {
    let Some(Value { variable, text }) = value else {
        return Ok(None);
    };
    match text.as_os_str().to_str().map(str::trim) {
        Some(text) => Ok(Some((variable, text.to_owned()))),
        None => Err(Failure::new(format!("{variable}: it is not valid UTF-8"))),
    }
}

fn parse<T, E: std::fmt::Display>(
    (variable, text): &(String, String),
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, Failure> {
    parse(text).map_err(|error| Failure::new(format!("{variable}: {error}")))
}

fn label(text: &str) -> Result<String, &'static str> {
    if text.chars().any(accounts::is_control) {
        return Err("it must be one line of text");
    }
    if text.chars().count() > LABEL_LIMIT {
        return Err("it has at most 60 characters");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: [(&str, &str); 3] = [
        ("LATCHKEY_OIDC_MY_IDP_ISSUER", "https://idp.example.com"),
        ("LATCHKEY_OIDC_MY_IDP_CLIENT_ID", "latchkey"),
        ("LATCHKEY_OIDC_MY_IDP_CLIENT_SECRET", "hush-hush"),
    ];

    fn read(variables: &[(&str, &str)]) -> Result<Vec<ProviderSettings>, String> {
        let variables = variables
            .iter()
            .map(|(name, text)| (name.to_string(), text.into()));
        let variables: Vec<_> = variables.collect();
        given(&variables, None).map_err(|failure| failure.to_string())
    }

    #[test]
    fn an_issuer_has_defaults() {
        let issuers = read(&COMPLETE).unwrap();
        let [issuer] = &issuers[..] else {
            panic!("{issuers:?}");
        };
        assert_eq!(issuer.name.as_str(), "my-idp");
        assert_eq!(issuer.label, "my-idp");
        assert_eq!(issuer.scopes, ["email", "profile"]);
        assert!(!issuer.trusts_email);
        assert!(!format!("{issuer:?}").contains("hush-hush"));
    }

    #[test]
    fn everything_can_be_set() {
        let more = [
            ("LATCHKEY_OIDC_MY_IDP_SCOPES", "openid email"),
            ("LATCHKEY_OIDC_MY_IDP_LABEL", "My company"),
            ("LATCHKEY_OIDC_MY_IDP_TRUST_EMAIL", "true"),
        ];
        let issuers = read(&[&COMPLETE[..], &more].concat()).unwrap();
        assert_eq!(issuers[0].label, "My company");
        assert_eq!(issuers[0].scopes, ["email"]);
        assert!(issuers[0].trusts_email);
    }

    #[test]
    fn what_is_missing_or_invalid_is_named() {
        for (index, (name, _)) in COMPLETE.iter().enumerate() {
            let mut variables = COMPLETE.to_vec();
            variables.remove(index);
            let expected = format!("{name}: set it, too");
            assert_eq!(read(&variables).unwrap_err(), expected);
        }
        for (name, text) in [
            ("LATCHKEY_OIDC_MY_IDP_ISSUER", "http://idp.example.com"),
            ("LATCHKEY_OIDC_MY_IDP_TRUST_EMAIL", "yes"),
            ("LATCHKEY_OIDC_MY_IDP_LABEL", "two\nlines"),
        ] {
            let line = read(&[&COMPLETE[..], &[(name, text)]].concat()).unwrap_err();
            assert!(line.starts_with(&format!("{name}: ")), "{line}");
        }
    }

    #[test]
    fn other_names_are_no_settings() {
        assert!(is_setting("LATCHKEY_OIDC_A_CLIENT_SECRET_FILE"));
        for name in [
            "LATCHKEY_OIDC_ISSUER",
            "LATCHKEY_OIDC__ISSUER",
            "LATCHKEY_OIDC_a_ISSUER",
            "LATCHKEY_OIDC_A_ISSUERS",
            "OIDC_A_ISSUER",
        ] {
            assert!(!is_setting(name), "{name}");
        }
    }
}
