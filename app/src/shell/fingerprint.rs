//! A number that tells whether a browser still has the page that the server has rendered.
//!
//! Hydration walks over the nodes of the page and takes each for the one that the server has
//! rendered. A node more or less, from an extension, a translator or a proxy, makes it stop or
//! connect the wrong elements. So `start.js` compares the fingerprint of the page with that of the
//! server's HTML, and lets the app render the page again if they differ.

/// What `shell.rs` writes in place of the fingerprint, which is known only when all is rendered.
/// The name of a site contains no control character.
pub(super) const PLACEHOLDER: &str = "\u{1}FINGERPRINT";

/// The opening tag of the element that contains the app. It is the last `<div>` in `<body>`.
const MOUNT: &str = "<div id=\"app\">";

/// Elements without an end tag.
const VOID: [&str; 6] = ["br", "hr", "img", "input", "link", "meta"];

/// Writes the fingerprint into the HTML of a page.
#[must_use]
pub fn with_fingerprint(html: &str) -> String {
    let app = html
        .split_once(MOUNT)
        .and_then(|(_, rest)| rest.rsplit_once("</body>"))
        .and_then(|(body, _)| body.rsplit_once("</div>"));
    let number = app.map_or(0, |(app, _)| fingerprint(app));
    html.replacen(PLACEHOLDER, &number.to_string(), 1)
}

/// Returns the hash of the kinds of all nodes in order, as `start.js` computes it.
fn fingerprint(html: &str) -> i32 {
    let mut hash = 0_i32;
    let mut add = |text: &str| {
        for byte in text.bytes() {
            hash = hash.wrapping_mul(31).wrapping_add(i32::from(byte));
        }
    };
    let mut rest = html;
    while !rest.is_empty() {
        let (tag, after) = rest.split_at(node_length(rest));
        match element(tag) {
            Some(name) => {
                add(&name);
                if tag.ends_with("/>") || VOID.contains(&name.as_str()) {
                    add("/");
                }
            }
            None if tag.starts_with("</") => add("/"),
            None if tag.starts_with('<') => add("#comment/"),
            None => add("#text/"),
        }
        rest = after;
    }
    hash
}

/// Returns the lower-case name of the element that a tag opens.
fn element(tag: &str) -> Option<String> {
    let rest = tag.strip_prefix('<')?;
    if !rest.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return None;
    }
    let end = rest.find([' ', '\n', '/', '>'])?;
    Some(rest[..end].to_ascii_lowercase())
}

/// Returns the length of the text, tag or comment at the beginning. `>` may be in a comment or in a
/// quoted attribute.
fn node_length(html: &str) -> usize {
    if !html.starts_with('<') {
        return html.find('<').unwrap_or(html.len());
    }
    if html.starts_with("<!--") {
        return html.find("-->").map_or(html.len(), |start| start + 3);
    }
    let mut is_quoted = false;
    let end = html.bytes().position(|byte| {
        is_quoted ^= byte == b'"';
        byte == b'>' && !is_quoted
    });
    end.map_or(html.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::{PLACEHOLDER, fingerprint, with_fingerprint};

    const PAGE: &str =
        r#"<form method="post"><!----><p>a &lt; b<!>c</p><input id="x" title="1 > 0"></form>"#;

    #[test]
    fn every_additional_or_missing_node_changes_it() {
        let changed = [
            r#"<div></div><form method="post"><!----><p>a<!>c</p><input id="x"></form>"#,
            r#"<form method="post"><p>a<!>c</p><input id="x"></form>"#,
            r#"<form method="post"><!----><p><font>a</font><!>c</p><input id="x"></form>"#,
            r#"<form method="post"><!----><p>a<!>c</p><div><input id="x"></div></form>"#,
            r#"<form method="post"><!----><p>a<!>c</p><input id="x"> </form>"#,
            r#"<form method="post"><!----><p>a<!>c</p></form><input id="x">"#,
        ];
        for html in changed {
            assert_ne!(fingerprint(html), fingerprint(PAGE), "{html}");
        }
    }

    #[test]
    fn attributes_and_texts_do_not_change_it() {
        let other = r#"<form data-x="<b>"><!--x--><p>other<!>text</p><input></form>"#;
        assert_eq!(fingerprint(other), fingerprint(PAGE));
    }

    #[test]
    fn it_is_the_number_that_the_script_computes() {
        // node -e 'let s=0; for (const c of "p#text//") s=Math.imul(s,31)+c.charCodeAt(0)|0; console.log(s)'
        let page = format!(
            "<script>{PLACEHOLDER}</script><body><p>b</p><div id=\"app\"><p>x</p></div></body>"
        );
        let expected = page.replace(PLACEHOLDER, "2042064704");
        assert_eq!(with_fingerprint(&page), expected);
    }
}
