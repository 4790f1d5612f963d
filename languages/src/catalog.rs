//! The catalogs of the languages other than English.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::LazyLock,
};

use polib::{message::MessageView, po_file};

use crate::Language;

static GERMAN: LazyLock<Catalog> =
    LazyLock::new(|| Catalog::read(Language::German, include_str!("../catalogs/de.po")));
static FRENCH: LazyLock<Catalog> =
    LazyLock::new(|| Catalog::read(Language::French, include_str!("../catalogs/fr.po")));

/// The texts of a language.
struct Catalog {
    /// By the text in English.
    texts: HashMap<String, String>,
    /// Those of the pages.
    browser: BrowserCatalog,
}

/// The catalog that a page loads.
pub struct BrowserCatalog {
    /// The path of its URL, with a hash of the content.
    pub path: String,
    /// A JSON object: the texts by the texts in English.
    pub json: String,
}

impl Catalog {
    /// Reads a catalog. A text that is not translated is left out.
    fn read(language: Language, file: &str) -> Self {
        let file = po_file::parse_from_reader(file.as_bytes()).expect("a test reads the same file");
        let mut texts = HashMap::new();
        let mut pages = BTreeMap::new();
        for message in file.messages().filter(|message| message.is_translated()) {
            let is_on_pages = message.source().contains("app/");
            for (text, translation) in translations(message) {
                if is_on_pages {
                    pages.insert(text.clone(), translation.clone());
                }
                texts.insert(text, translation);
            }
        }
        let json = serde_json::to_string(&pages).expect("texts by text are valid JSON");
        let mut hasher = DefaultHasher::new();
        json.hash(&mut hasher);
        let path = format!("/languages/{language}.{:016x}.json", hasher.finish());
        let browser = BrowserCatalog { path, json };
        Self { texts, browser }
    }
}

/// Returns the texts of a message with their translations: one, or the singular and the plural.
fn translations(message: &dyn MessageView) -> Vec<(String, String)> {
    let singular = message.msgid().to_owned();
    match (message.msgid_plural(), message.msgstr_plural()) {
        (Ok(plural), Ok(forms)) => [singular, plural.to_owned()]
            .into_iter()
            .zip(forms.iter().cloned())
            .collect(),
        _ => message
            .msgstr()
            .map(|text| vec![(singular, text.to_owned())])
            .unwrap_or_default(),
    }
}

fn catalog(language: Language) -> Option<&'static Catalog> {
    match language {
        Language::English => None,
        Language::German => Some(&GERMAN),
        Language::French => Some(&FRENCH),
    }
}

/// Returns a text in a language.
pub(crate) fn translation(language: Language, text: &str) -> Option<&'static str> {
    catalog(language)?.texts.get(text).map(String::as_str)
}

/// Returns the catalog that a page in this language loads. English needs none.
#[must_use]
pub fn browser_catalog(language: Language) -> Option<&'static BrowserCatalog> {
    catalog(language).map(|catalog| &catalog.browser)
}
