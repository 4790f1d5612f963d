//! Finds the texts in the source code: the literals in calls of `tr`, `tr_with`, `tr_around`, `tr_count` and `tr_later`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use polib::message::Message;
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The crates whose source code contains texts.
const CRATES: [&str; 3] = ["accounts", "app", "server"];

/// A text in English.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    pub singular: String,
    pub plural: Option<String>,
}

impl Text {
    /// Returns the message of a catalog with these translations, or without any.
    pub fn message(&self, mut translations: Vec<String>, sources: String) -> Message {
        match &self.plural {
            Some(plural) => {
                translations.resize(2, String::new());
                Message::build_plural()
                    .with_source(sources)
                    .with_msgid(self.singular.clone())
                    .with_msgid_plural(plural.clone())
                    .with_msgstr_plural(translations)
                    .done()
            }
            None => Message::build_singular()
                .with_source(sources)
                .with_msgid(self.singular.clone())
                .with_msgstr(translations.pop().unwrap_or_default())
                .done(),
        }
    }
}

/// Returns all texts, each with the files that contain it.
pub fn texts_of_sources() -> BTreeMap<Text, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut texts: BTreeMap<Text, BTreeSet<String>> = BTreeMap::new();
    for name in CRATES {
        for file in rust_files(&root.join(name).join("src")) {
            let source = fs::read_to_string(&file).expect("the file can be read");
            let tokens = TokenStream::from_str(&source).expect("the file is Rust");
            let mut found = Vec::new();
            find(tokens, &mut found);
            let file = file
                .strip_prefix(&root)
                .expect("it is below")
                .display()
                .to_string();
            for text in found {
                texts.entry(text).or_default().insert(file.clone());
            }
        }
    }
    texts
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let paths = entries.map(|entry| entry.expect("the entry can be read").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => rust_files(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn find(tokens: TokenStream, found: &mut Vec<Text>) {
    let mut function = None;
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                function = Some(ident.to_string());
                continue;
            }
            TokenTree::Group(group) => {
                if group.delimiter() == Delimiter::Parenthesis {
                    found.extend(call(function.as_deref(), group.stream()));
                }
                find(group.stream(), found);
            }
            _ => {}
        }
        function = None;
    }
}

/// Returns the text in a call of one of the functions.
fn call(function: Option<&str>, arguments: TokenStream) -> Option<Text> {
    let mut literals = split(arguments).into_iter();
    match function? {
        "tr" | "tr_with" | "tr_around" | "tr_later" => Some(Text {
            singular: literals.next()??,
            plural: None,
        }),
        "tr_count" => Some(Text {
            singular: literals.nth(1)??,
            plural: Some(literals.next()??),
        }),
        _ => None,
    }
}

/// Returns the arguments, as far as they are string literals and nothing else.
fn split(arguments: TokenStream) -> Vec<Option<String>> {
    let mut split = vec![Vec::new()];
    for token in arguments {
        match &token {
            TokenTree::Punct(punct) if punct.as_char() == ',' => split.push(Vec::new()),
            _ => split.last_mut().expect("there is one").push(token),
        }
    }
    split
        .into_iter()
        .map(|tokens| match tokens.as_slice() {
            [TokenTree::Literal(literal)] => string(&literal.to_string()),
            _ => None,
        })
        .collect()
}

/// Returns the value of a string literal.
fn string(literal: &str) -> Option<String> {
    syn::parse_str::<syn::LitStr>(literal)
        .ok()
        .map(|literal| literal.value())
}
