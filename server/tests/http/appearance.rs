//! What operators decide about pages and emails: name, color, logo, links and templates.

use std::fs;

use serde_json::json;

use crate::support::{PASSWORD, Server, TestEnv};

const LOGO: &str = "<?xml version=\"1.0\"?><!-- <x> --><svg xmlns=\"http://www.w3.org/2000/svg\"/>";

/// Returns the value of an attribute, the first time that it is in the document.
#[track_caller]
fn attribute<'a>(html: &'a str, before: &str) -> &'a str {
    let (_, rest) = html
        .split_once(before)
        .unwrap_or_else(|| panic!("{before} is not in {html}"));
    rest.split('"').next().unwrap_or_default()
}

#[test]
fn pages_have_the_name_the_color_and_the_logo_of_the_site() {
    let env = TestEnv::new();
    let logo = env.folder().join("logo.svg");
    fs::write(&logo, LOGO).unwrap();
    let server = env.start(&[
        ("LATCHKEY_SITE_NAME", "Tea & <Co>"),
        ("LATCHKEY_ACCENT_COLOR", "#0050ff"),
        ("LATCHKEY_LOGO_FILE", logo.to_str().unwrap()),
        ("LATCHKEY_SUPPORT_EMAIL", "help@tea.example"),
    ]);
    let page = server.get("/login").send();
    let html = page.text();
    assert!(
        html.contains("<title>Sign in · Tea &amp; &lt;Co></title>"),
        "{page}"
    );
    assert_eq!(attribute(html, "data-site-name=\""), "Tea &amp; &lt;Co&gt;");
    assert!(html.contains("href=\"mailto:help@tea.example\""), "{page}");
    assert!(!html.contains("Latchkey"), "{page}");

    let path = attribute(html, "data-logo=\"");
    assert!(html.contains(&format!("src=\"{path}\"")), "{page}");
    let image = server.get(path).send();
    assert_eq!((image.status, image.text()), (200, LOGO), "{image}");
    assert_eq!(image.header("content-type"), "image/svg+xml");
    assert!(
        image.header("cache-control").contains("immutable"),
        "{image}"
    );
    let policy = image.header("content-security-policy");
    assert_eq!(
        policy,
        "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    );

    let path = attribute(html, "rel=\"stylesheet\" href=\"/accent");
    let sheet = server.get(&format!("/accent{path}")).send();
    assert_eq!(sheet.header("content-type"), "text/css", "{sheet}");
    assert!(sheet.text().starts_with(":root{--door:#0050ff;"), "{sheet}");

    let manifest = server.get("/manifest.webmanifest").send().json();
    assert_eq!(manifest["name"], "Tea & <Co>", "{manifest}");
    assert_eq!(manifest["theme_color"], "#0050ff", "{manifest}");
    let icon = manifest["icons"][0]["src"].as_str().unwrap();
    assert_eq!(server.get(icon).send().text(), LOGO);

    let home = server.get("/").send();
    assert!(
        home.text().contains("Your account at Tea &amp; &lt;Co&gt;"),
        "{home}"
    );
    assert!(!home.text().contains("Latchkey"), "{home}");
}

#[test]
fn authenticator_apps_show_the_name_of_the_site() {
    let server = Server::start_with(&[("LATCHKEY_SITE_NAME", "Te:a")]);
    let ada = server.sign_up_verified("ada@example.com");
    let set_up = server
        .post("/api/totp/create")
        .token(&ada.token)
        .json(json!({"current_password": PASSWORD}))
        .send();
    let url = set_up.json()["otpauth_url"].as_str().unwrap().to_owned();
    assert!(
        url.starts_with("otpauth://totp/Tea:ada%40example.com?"),
        "{url}"
    );
}

#[test]
fn emails_lead_to_a_front_end_of_ones_own() {
    let server = Server::start_with(&[
        ("LATCHKEY_SITE_NAME", "Tea & Co"),
        ("LATCHKEY_SUPPORT_EMAIL", "Help <help@tea.example>"),
        ("LATCHKEY_ACTIVATE_URL", "https://tea.example/welcome"),
        (
            "LATCHKEY_RESET_URL",
            "https://tea.example/app#/reset?token={token}",
        ),
    ]);
    server.register("ada@example.com");
    let email = server.take_email("ada@example.com", "Confirm your email address");
    let token = email.token("https://tea.example/welcome");
    assert!(email.html.contains(">Tea &amp; Co</td>"), "{email:?}");
    let sender = format!("Sent by Tea & Co ({})", server.url().replace("http://", ""));
    assert!(email.text.contains(&sender), "{email:?}");
    let questions = "Questions? Reply to this email, or write to help@tea.example.";
    assert!(email.text.contains(questions), "{email:?}");
    // The token is as good as that of Latchkey's own page.
    let link = server
        .post("/api/user/link")
        .json(json!({"token": token}))
        .send();
    assert_eq!(link.status, 200, "{link}");

    server.reset("ada@example.com");
    server.wait_until_emails_are_sent();
    let files = server.env().email_files();
    let raw = fs::read_to_string(&files[0]).unwrap();
    assert!(
        raw.contains("\r\nReply-To: Help <help@tea.example>\r\n"),
        "{raw}"
    );
    assert!(
        raw.contains("From: =?utf-8?b?VGVhICYgQ28=?= <no-reply@localhost>\r\n"),
        "{raw}"
    );
    assert!(
        raw.contains("https://tea.example/app#/reset?token="),
        "{raw}"
    );
}

#[test]
fn emails_can_have_templates_of_ones_own() {
    let env = TestEnv::new();
    let folder = env.folder().join("templates");
    fs::create_dir(&folder).unwrap();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    write("_footer.txt", "Bye from {{ site_name }}.");
    write(
        "email.txt",
        "{{ subject }}: {{ note }}\n{% if link %}{{ link.url }}{% endif %}",
    );
    write("reset.subject.txt", "{{ site_name }}:\na new password");
    write(
        "reset.txt",
        "{{ subject }}\n{{ link.url }}\n{% include \"_footer.txt\" %}",
    );
    write(
        "reset.html",
        "<html><p>{{ to }}</p><a href=\"{{ link.url }}\">{{ link.url }}</a></html>",
    );
    let server = env.start(&[
        ("LATCHKEY_EMAIL_TEMPLATES", folder.to_str().unwrap()),
        ("LATCHKEY_SITE_NAME", "Tea & Co"),
    ]);
    server.register("a&b@example.com");
    let first = server.take_email("a&b@example.com", "Confirm your email address");
    assert!(
        first
            .text
            .starts_with("Confirm your email address: If you didn't"),
        "{first:?}"
    );
    // The other format is still Latchkey's own.
    assert!(first.html.contains("<!doctype html>"), "{first:?}");

    // The layout is older than emails with nothing but a code, for which Latchkey's own is used.
    let request = server.post("/api/user/login/code");
    request.json(json!({"email": "a&b@example.com"})).send();
    let code = server.take_email("a&b@example.com", "Your code to sign in");
    assert!(code.text.contains("To sign in, enter "), "{code:?}");

    server.reset("a&b@example.com");
    server.wait_until_emails_are_sent();
    let raw = fs::read_to_string(&server.env().email_files()[0]).unwrap();
    assert!(
        raw.contains("\r\nSubject: Tea & Co: a new password\r\n"),
        "{raw}"
    );
    assert!(raw.contains("Bye from Tea & Co."), "{raw}");
    assert!(raw.contains("<p>a&amp;b@example.com</p>"), "{raw}");
}

#[test]
fn unusable_templates_stop_the_start() {
    for (name, text, reason) in [
        ("resett.html", "", "resett.html is the template of no email"),
        ("reset.md", "", "reset.md is the template of no email"),
        (
            "email.subject.txt",
            "",
            "email.subject.txt is the template of no email",
        ),
        ("reset.txt", "{{ link.url", "reset.txt: line 1: "),
        (
            "reset.txt",
            "\n{{ link.uri }} {{ link.url }}",
            "reset.txt: line 2: ",
        ),
        (
            "reset.txt",
            "{{ link.url }} {% include '_no.txt' %}",
            "reset.txt: line 1: ",
        ),
        ("reset.html", "<p>Hello</p>", "reset.html lacks the link"),
        ("email.txt", "Hello", "txt lacks the link"),
        (
            "reset.subject.txt",
            "{% if code %}x{% endif %}",
            "reset.subject.txt is empty",
        ),
        (
            "email.html",
            "{% if support %}{{ suport }}{% endif %}{{ link.url }}",
            "email.html: line 1: ",
        ),
        (
            "email.html",
            "{% include \"_footer.txt\" %}",
            "email.html includes a template of text",
        ),
        ("_footer", "", "_footer is the template of no email"),
        (
            "new_device.txt",
            "{{ password }}",
            "new_device.txt: line 1: ",
        ),
    ] {
        let env = TestEnv::new();
        let folder = env.folder().join("templates");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(name), text).unwrap();
        let settings = [("LATCHKEY_EMAIL_TEMPLATES", folder.to_str().unwrap())];
        let output = env.run_command(env.command(&settings), "");
        let line = output.assert_fails_with_one_line();
        assert!(line.contains("LATCHKEY_EMAIL_TEMPLATES"), "{line}");
        assert!(line.contains(reason), "{name}: {line}");
    }
}
