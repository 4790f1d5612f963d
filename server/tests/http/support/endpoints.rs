//! The table of all API endpoints.

use std::{collections::BTreeSet, fs, path::Path};

/// One endpoint.
#[derive(Clone, Copy)]
pub struct Endpoint {
    /// The HTTP method.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    /// The token that it requires.
    pub required_token: RequiredToken,
}

/// The token that an endpoint requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredToken {
    /// No token.
    None,
    /// An access token; if MFA is enabled, one that has passed it.
    Access,
    /// The same, also of a user who must set up a second factor.
    Enrolling,
    /// An access token for which MFA may still be pending.
    MfaPending,
    /// A service key.
    ServiceKey,
    /// An access token of an administrator, or a service key.
    Administrator,
}

const fn get(path: &'static str, required_token: RequiredToken) -> Endpoint {
    Endpoint {
        method: "GET",
        path,
        required_token,
    }
}

const fn post(path: &'static str, required_token: RequiredToken) -> Endpoint {
    Endpoint {
        method: "POST",
        path,
        required_token,
    }
}

const fn patch(path: &'static str, required_token: RequiredToken) -> Endpoint {
    Endpoint {
        method: "PATCH",
        path,
        required_token,
    }
}

const fn delete(path: &'static str, required_token: RequiredToken) -> Endpoint {
    Endpoint {
        method: "DELETE",
        path,
        required_token,
    }
}

/// The endpoints, as specified in the API contract. Where a path has `{id}` or `{delivery}`, that is no ID of
/// anything.
pub const ENDPOINTS: [Endpoint; 83] = [
    post("/api/user/create", RequiredToken::None),
    post("/api/user/login", RequiredToken::None),
    post("/api/user/login/code", RequiredToken::None),
    post("/api/user/login/code/confirm", RequiredToken::None),
    post("/api/user/login/refresh", RequiredToken::None),
    post("/api/user/login/verify", RequiredToken::None),
    get("/api/user/view", RequiredToken::Enrolling),
    post("/api/user/delete", RequiredToken::Access),
    post("/api/user/logout", RequiredToken::MfaPending),
    post("/api/user/logout/all", RequiredToken::Access),
    get("/api/user/sessions", RequiredToken::Access),
    post("/api/user/sessions/revoke", RequiredToken::Access),
    post("/api/user/sessions/reject", RequiredToken::None),
    post("/api/user/trusted_devices/revoke", RequiredToken::Access),
    get("/api/user/activity", RequiredToken::Access),
    post("/api/user/activation", RequiredToken::None),
    post("/api/user/activation/reject", RequiredToken::None),
    post("/api/user/activation/resend", RequiredToken::None),
    post("/api/user/link", RequiredToken::None),
    post("/api/user/password/change", RequiredToken::Access),
    get("/api/user/password", RequiredToken::Enrolling),
    post("/api/user/password/remove", RequiredToken::Access),
    post("/api/user/password/check", RequiredToken::None),
    post("/api/user/password/reset", RequiredToken::None),
    post("/api/user/password/reset/confirm", RequiredToken::None),
    post("/api/user/email/change", RequiredToken::Access),
    post("/api/user/email/change/confirm", RequiredToken::None),
    post("/api/user/email/change/undo", RequiredToken::None),
    post("/api/totp/create", RequiredToken::Enrolling),
    post("/api/totp/confirm", RequiredToken::Enrolling),
    post("/api/totp/login", RequiredToken::MfaPending),
    post("/api/totp/delete", RequiredToken::Access),
    get("/api/totp", RequiredToken::Access),
    post("/api/totp/add", RequiredToken::Access),
    post("/api/totp/rename", RequiredToken::Access),
    post("/api/totp/remove", RequiredToken::Access),
    get("/api/passkey", RequiredToken::Enrolling),
    post("/api/passkey/create", RequiredToken::Enrolling),
    post("/api/passkey/confirm", RequiredToken::Enrolling),
    post("/api/passkey/login/begin", RequiredToken::None),
    post("/api/passkey/login", RequiredToken::None),
    post("/api/passkey/rename", RequiredToken::Access),
    post("/api/passkey/delete", RequiredToken::Access),
    post("/api/recovery/create", RequiredToken::Access),
    post("/api/recovery/login", RequiredToken::MfaPending),
    post("/api/token/introspect", RequiredToken::ServiceKey),
    post("/api/token/revoke", RequiredToken::None),
    get("/api/token/forward-auth", RequiredToken::Access),
    get("/api/token/revocations", RequiredToken::ServiceKey),
    get("/api/recovery/view", RequiredToken::Access),
    patch("/api/user/update", RequiredToken::Access),
    get("/api/user/export", RequiredToken::Access),
    post("/api/user/reauthenticate", RequiredToken::Access),
    get("/api/social", RequiredToken::Access),
    get("/api/social/providers", RequiredToken::None),
    post("/api/social/link", RequiredToken::Access),
    post("/api/social/unlink", RequiredToken::Access),
    post("/api/social/confirm", RequiredToken::None),
    get("/api/social/{provider}/start", RequiredToken::None),
    get("/api/social/{provider}/callback", RequiredToken::None),
    get("/api/admin/users", RequiredToken::Administrator),
    post("/api/admin/users", RequiredToken::Administrator),
    get("/api/admin/users/{id}", RequiredToken::Administrator),
    patch("/api/admin/users/{id}", RequiredToken::Administrator),
    delete("/api/admin/users/{id}", RequiredToken::Administrator),
    post(
        "/api/admin/users/{id}/sign-out",
        RequiredToken::Administrator,
    ),
    get(
        "/api/admin/users/{id}/sessions",
        RequiredToken::Administrator,
    ),
    get(
        "/api/admin/users/{id}/activity",
        RequiredToken::Administrator,
    ),
    get("/api/admin/activity", RequiredToken::Administrator),
    post(
        "/api/admin/users/{id}/reset-otp",
        RequiredToken::Administrator,
    ),
    post(
        "/api/admin/users/{id}/password-reset",
        RequiredToken::Administrator,
    ),
    post("/api/admin/users/bulk", RequiredToken::Administrator),
    get("/api/admin/invitations", RequiredToken::Administrator),
    delete("/api/admin/invitations/{id}", RequiredToken::Administrator),
    get("/api/admin/keys", RequiredToken::Administrator),
    post("/api/admin/keys", RequiredToken::Administrator),
    delete("/api/admin/keys/{id}", RequiredToken::Administrator),
    get("/api/admin/webhooks", RequiredToken::Administrator),
    post("/api/admin/webhooks", RequiredToken::Administrator),
    patch("/api/admin/webhooks/{id}", RequiredToken::Administrator),
    delete("/api/admin/webhooks/{id}", RequiredToken::Administrator),
    get(
        "/api/admin/webhooks/{id}/deliveries",
        RequiredToken::Administrator,
    ),
    post(
        "/api/admin/webhooks/{id}/deliveries/{delivery}/redeliver",
        RequiredToken::Administrator,
    ),
];

/// The table lists exactly the endpoints that the API source declares.
#[test]
fn table_of_endpoints_is_complete() {
    let server = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut in_source = BTreeSet::new();
    collect(&server.join("../app/src/api"), &mut in_source);
    // Those that are no server functions.
    for file in fs::read_dir(server.join("src/api")).expect("the source of the API") {
        let source = fs::read_to_string(file.expect("a file").path()).expect("Rust is UTF-8");
        let named = source.split("const PATH: &str = \"").skip(1);
        let paths = named.filter_map(|rest| rest.split('"').next());
        in_source.extend(paths.map(str::to_owned));
    }
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
