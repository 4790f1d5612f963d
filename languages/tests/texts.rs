//! The texts in the source code, and whether the catalogs contain them.

#[path = "texts/source.rs"]
mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use polib::{catalog::Catalog, message::MessageView, po_file};
use source::{Text, texts_of_sources};

/// Writes the catalogs instead of checking them: `UPDATE_CATALOGS=1 cargo test -p languages`.
const UPDATE: &str = "UPDATE_CATALOGS";

const LANGUAGES: [&str; 2] = ["de", "fr"];

fn path(language: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("catalogs/{language}.po"))
}

/// The key of a message: the text in English, and its plural.
fn key(message: &dyn MessageView) -> Text {
    Text {
        singular: message.msgid().to_owned(),
        plural: message.msgid_plural().ok().map(str::to_owned),
    }
}

/// The translations of a message: one, or the singular and the plural.
fn translations(message: &dyn MessageView) -> Vec<String> {
    match message.msgstr_plural() {
        Ok(forms) => forms.clone(),
        Err(_) => message
            .msgstr()
            .map(|text| vec![text.to_owned()])
            .unwrap_or_default(),
    }
}

/// Adds the texts that the catalog lacks, and removes those that nothing uses.
fn update(language: &str, texts: &BTreeMap<Text, BTreeSet<String>>) {
    let path = path(language);
    let file = po_file::parse(&path).expect("the catalog is valid");
    let known: BTreeMap<Text, Vec<String>> = file
        .messages()
        .map(|message| (key(message), translations(message)))
        .collect();
    let mut updated = Catalog::new(file.metadata.clone());
    for (text, sources) in texts {
        let translations = known.get(text).cloned().unwrap_or_default();
        updated.append_or_update(text.message(translations, lines(sources)));
    }
    po_file::write_to_file(&updated, &path).expect("the catalog can be written");
}

fn lines(sources: &BTreeSet<String>) -> String {
    sources.iter().cloned().collect::<Vec<_>>().join("\n")
}

#[test]
fn every_text_is_translated() {
    let texts = texts_of_sources();
    assert!(texts.len() > 500, "only {} texts were found", texts.len());
    if std::env::var_os(UPDATE).is_some() {
        for language in LANGUAGES {
            update(language, &texts);
        }
    }
    for language in LANGUAGES {
        let file = po_file::parse(&path(language)).expect("the catalog is valid");
        let known: BTreeMap<Text, &dyn MessageView> = file
            .messages()
            .map(|message| (key(message), message))
            .collect();
        let missing: Vec<_> = texts
            .keys()
            .filter(|text| !known.contains_key(text))
            .collect();
        assert!(
            missing.is_empty(),
            "{language} lacks {missing:#?}; set {UPDATE}=1"
        );
        let unused: Vec<_> = known
            .keys()
            .filter(|text| !texts.contains_key(text))
            .collect();
        assert!(
            unused.is_empty(),
            "{language}: nothing uses {unused:#?}; set {UPDATE}=1"
        );
        // They decide which texts a page loads.
        for (text, sources) in &texts {
            let known = known[text].source();
            assert_eq!(
                known,
                lines(sources),
                "{language}: {text:?}; set {UPDATE}=1"
            );
        }
        let untranslated: Vec<_> = known
            .iter()
            .filter(|(_, message)| !message.is_translated() || message.is_fuzzy())
            .map(|(text, _)| text)
            .collect();
        assert!(
            untranslated.is_empty(),
            "{language}: not translated: {untranslated:#?}"
        );
    }
}

/// The pages recognize one message of the server by how it begins (`pages/emailed_link.rs`).
#[test]
fn the_message_about_a_link_begins_like_the_heading() {
    const HEADING: &str = "This link no longer works";
    const MESSAGE: &str = "This link no longer works. It may have expired, been used, or been replaced by a \
                           newer one.";
    for language in LANGUAGES {
        let file = po_file::parse(&path(language)).expect("the catalog is valid");
        let translation = |text| {
            let message = file.find_message(None, text, None);
            message
                .expect("it is translated")
                .msgstr()
                .unwrap()
                .to_owned()
        };
        let (heading, message) = (translation(HEADING), translation(MESSAGE));
        assert!(message.starts_with(&heading), "{language}: {message}");
    }
}

#[test]
fn translations_have_the_same_values() {
    for language in LANGUAGES {
        let file = po_file::parse(&path(language)).expect("the catalog is valid");
        for message in file.messages() {
            let texts: Vec<_> = [Some(message.msgid()), message.msgid_plural().ok()]
                .into_iter()
                .flatten()
                .collect();
            let translations = translations(message);
            assert_eq!(texts.len(), translations.len(), "{language}: {texts:?}");
            for (text, translation) in texts.iter().zip(&translations) {
                assert_eq!(values(text), values(translation), "{language}: {text:?}");
                let ends = |text: &str| (text.trim().len(), text.len());
                let (trimmed, whole) = ends(translation);
                assert_eq!(
                    trimmed, whole,
                    "{language}: white space around {translation:?}"
                );
            }
        }
    }
}

/// Returns the names of the values in a text. A number may be left out of the singular ("a device").
fn values(text: &str) -> BTreeSet<&str> {
    let names = text
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'));
    names
        .map(|(name, _)| name)
        .filter(|name| *name != "count")
        .collect()
}
