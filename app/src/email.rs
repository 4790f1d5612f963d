//! Email addresses as people read them.

/// How a label of a domain in ASCII begins when it stands for one in Unicode (RFC 5890, 2.3.2.1).
const PREFIX: &str = "xn--";

/// Characters without a shape of their own, which are allowed in labels between certain letters.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// Returns an email address of the API with its domain in Unicode. The server has checked the labels.
#[must_use]
pub fn email_for_display(email: &str) -> String {
    let Some((local, domain)) = email.rsplit_once('@') else {
        return email.to_owned();
    };
    let labels: Vec<_> = domain.split('.').map(label).collect();
    format!("{local}@{}", labels.join("."))
}

fn label(label: &str) -> String {
    label
        .strip_prefix(PREFIX)
        .and_then(idna::punycode::decode_to_string)
        .filter(|unicode| !unicode.contains(JOINERS))
        .unwrap_or_else(|| label.to_owned())
}

#[cfg(test)]
mod tests {
    use super::email_for_display;

    #[test]
    fn domains_are_shown_in_unicode() {
        for (email, shown) in [
            ("Ada@example.com", "Ada@example.com"),
            ("élise@xn--exmple-cua.fr", "élise@exämple.fr"),
            ("ada@xn--fsqu00a.xn--4rr70v", "ada@例子.广告"),
            ("a@xn--mgba3gch31f060k.com", "a@xn--mgba3gch31f060k.com"),
            ("a@xn--\u{e9}.example", "a@xn--\u{e9}.example"),
            ("", ""),
        ] {
            assert_eq!(email_for_display(email), shown);
        }
    }
}
