//! All endpoints of the API, once.

use std::{collections::BTreeSet, fs, path::Path};

/// One endpoint.
#[derive(Clone, Copy)]
pub struct Endpoint {
    /// Its method.
    pub method: &'static str,
    /// Its path.
    pub path: &'static str,
    /// The token that it needs.
    pub needs: Needs,
}

/// The token that an endpoint needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// None.
    Nothing,
    /// An access token that has passed the second factor, where there is one.
    Token,
    /// An access token, which may have the second factor still to pass.
    HalfToken,
}

const fn get(path: &'static str, needs: Needs) -> Endpoint {
    Endpoint {
        method: "GET",
        path,
        needs,
    }
}

const fn post(path: &'static str, needs: Needs) -> Endpoint {
    Endpoint {
        method: "POST",
        path,
        needs,
    }
}

/// The endpoints, as the contract has them.
pub const ENDPOINTS: [Endpoint; 24] = [
    post("/api/user/create", Needs::Nothing),
    post("/api/user/login", Needs::Nothing),
    post("/api/user/login/refresh", Needs::Nothing),
    post("/api/user/login/verify", Needs::Nothing),
    get("/api/user/view", Needs::Token),
    post("/api/user/delete", Needs::Token),
    post("/api/user/logout", Needs::HalfToken),
    post("/api/user/logout/all", Needs::Token),
    get("/api/user/sessions", Needs::Token),
    post("/api/user/sessions/revoke", Needs::Token),
    get("/api/user/activity", Needs::Token),
    post("/api/user/activation", Needs::Nothing),
    post("/api/user/activation/resend", Needs::Nothing),
    post("/api/user/password/change", Needs::Token),
    post("/api/user/password/reset", Needs::Nothing),
    post("/api/user/password/reset/confirm", Needs::Nothing),
    post("/api/user/email/change", Needs::Token),
    post("/api/user/email/change/confirm", Needs::Nothing),
    post("/api/totp/create", Needs::Token),
    post("/api/totp/confirm", Needs::Token),
    post("/api/totp/login", Needs::HalfToken),
    post("/api/totp/delete", Needs::Token),
    post("/api/recovery/create", Needs::Token),
    post("/api/recovery/login", Needs::HalfToken),
];

/// The table has each endpoint that stands in the source of the API, and no other.
#[test]
fn the_table_of_endpoints_is_whole() {
    let api = Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/src/api");
    let mut in_source = BTreeSet::new();
    collect(&api, &mut in_source);
    let in_table: BTreeSet<_> = ENDPOINTS
        .iter()
        .map(|endpoint| endpoint.path.to_owned())
        .collect();
    assert_eq!(in_table, in_source);
}

fn collect(folder: &Path, paths: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the source of the API") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            collect(&path, paths);
            continue;
        }
        let source = fs::read_to_string(&path).expect("Rust is UTF-8");
        let named = source.split("endpoint = \"").skip(1);
        let names: Vec<_> = named.filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(
            names.len(),
            source.matches("#[server(protocol").count(),
            "an endpoint without a name in {}",
            path.display()
        );
        paths.extend(names.into_iter().map(|name| format!("/api/{name}")));
    }
}
