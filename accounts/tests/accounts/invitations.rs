//! Invitations, and who may register.

use accounts::{
    Acceptance, Accounts, Administrator, Invitation, ManagedUser, NewUserFields, Registered,
    RegistrationPolicy, Scope, UserFields,
};
use serde_json::{Value, json};

use crate::support::{DAY, MINUTE, PASSWORD, TestEnv, laptop, on_laptop, why};

const ROOT: &str = "root@example.com";
const ADA: &str = "ada@example.com";

async fn invite(
    env: &TestEnv,
    administrator: &Administrator,
    json: Value,
) -> Result<ManagedUser, &'static str> {
    let field = |name: &str| json[name].clone();
    let fields = NewUserFields {
        password: field("password"),
        invite: json!(true),
        user: UserFields {
            email: field("email"),
            name: field("name"),
            roles: field("roles"),
            is_admin: field("is_admin"),
            metadata: field("metadata"),
            app_metadata: field("app_metadata"),
            ..UserFields::default()
        },
    };
    let invited = env.accounts.create_managed_user(administrator, &fields);
    invited.await.map_err(why)
}

async fn accept(accounts: &Accounts, token: &str) -> Result<Registered, &'static str> {
    let entered = Acceptance {
        token,
        password: PASSWORD.into(),
        ..Acceptance::default()
    };
    let accepted = accounts.accept_invitation(entered, &laptop()).await;
    accepted.map_err(why)
}

async fn list(env: &TestEnv) -> Vec<Invitation> {
    let operator = Administrator::operator();
    let page = env.accounts.list_invitations(&operator, None, None).await;
    page.unwrap().invitations
}

async fn service(env: &TestEnv) -> Administrator {
    let (scopes, name) = ([Scope::UsersWrite], "a backend");
    let key = env.accounts.create_service_key(name.into(), &scopes, None);
    let key = key.await.unwrap();
    let found = env
        .accounts
        .administrator(&key, scopes[0], &on_laptop())
        .await;
    found.unwrap()
}

#[tokio::test]
async fn an_invitation_becomes_the_account_that_it_names() {
    let env = TestEnv::new().await;
    let root = env.administrator(ROOT).await;
    let json = json!({
        "email": "Ada@Example.com", "name": "Ada", "roles": ["editor"], "is_admin": true,
        "metadata": {"a": 1}, "app_metadata": {"b": 2},
    });
    let invited = invite(&env, &root, json).await.unwrap();
    let [waiting] = &list(&env).await[..] else {
        panic!("not one invitation");
    };
    assert_eq!(waiting.id, invited.id);
    assert_eq!(waiting.actor_name.as_deref(), Some(ROOT));
    assert_eq!(waiting.expires_at, waiting.created_at.plus(7 * DAY));
    let token = env.token_to("Ada@example.com").await;
    // The token is nowhere in the database.
    let link = env.accounts.link(token.as_str().into()).await.unwrap();
    assert_eq!(link.email, "Ada@example.com");
    let accepted = accept(&env.accounts, &token).await.unwrap();
    assert_eq!(accepted.id, invited.id);
    let user = env.accounts.user_details(ADA.into()).await.unwrap();
    assert_eq!(user.version(), invited.version());
    assert!(user.is_admin && user.email_verified && user.is_active);
    assert_eq!(user.app_metadata, r#"{"b":2}"#);
    assert_eq!(list(&env).await.len(), 0);
    // No email asks to verify the address.
    assert_eq!(env.emails().await.len(), 0);
    assert_eq!(accept(&env.accounts, &token).await.err(), Some("fields"));
    let events = env.accounts.audit(ADA.into(), 10).await.unwrap();
    let mut names: Vec<_> = events.iter().map(|event| &*event.event).collect();
    names.sort_unstable();
    assert_eq!(names, ["operator_invited", "registered"]);
    let sent = events
        .iter()
        .find(|event| event.event == "operator_invited");
    assert_eq!(sent.unwrap().actor_name.as_deref(), Some(ROOT));
    let events = env.accounts.audit(ROOT.into(), 10).await.unwrap();
    assert!(events.iter().any(|event| event.event == "invitation_sent"));
}

#[tokio::test]
async fn a_newer_invitation_replaces_the_one_that_waits() {
    let env = TestEnv::new().await;
    let root = env.administrator(ROOT).await;
    let first = invite(&env, &root, json!({"email": ADA})).await.unwrap();
    let old = env.token_to(ADA).await;
    // Two emails within 2 minutes are too many, and the first link keeps working.
    let again = json!({"email": ADA, "name": "Ada"});
    assert_eq!(
        invite(&env, &root, again.clone()).await.err(),
        Some("throttled")
    );
    assert!(env.accounts.link(old.as_str().into()).await.is_ok());
    env.clock.advance(2 * MINUTE);
    let second = invite(&env, &root, again).await.unwrap();
    assert_eq!(second.id, first.id);
    let new = env.token_to(ADA).await;
    assert_eq!(accept(&env.accounts, &old).await.err(), Some("fields"));
    accept(&env.accounts, &new).await.unwrap();
    let user = env.accounts.user_details(ADA.into()).await.unwrap();
    assert_eq!(&*user.name, "Ada");
    let taken = invite(&env, &root, json!({"email": ADA})).await;
    assert_eq!(taken.err(), Some("fields"));
}

#[tokio::test]
async fn revoked_and_expired_invitations_do_not_work() {
    let env = TestEnv::new().await;
    let root = env.administrator(ROOT).await;
    let invited = invite(&env, &root, json!({"email": ADA})).await.unwrap();
    let token = env.token_to(ADA).await;
    let id = invited.id.to_string();
    let revoke = async || {
        let revoked = env.accounts.revoke_invitation(&root, &id).await;
        revoked.map_err(why)
    };
    assert_eq!(revoke().await, Ok(()));
    assert_eq!(revoke().await, Err("not found"));
    assert_eq!(accept(&env.accounts, &token).await.err(), Some("fields"));
    let other = "grace@example.com";
    invite(&env, &root, json!({"email": other})).await.unwrap();
    let token = env.token_to(other).await;
    env.clock.advance(7 * DAY);
    assert_eq!(accept(&env.accounts, &token).await.err(), Some("fields"));
    assert_eq!(list(&env).await.len(), 0);
    assert_eq!(env.rows("invitations").await, 1);
    env.accounts.clean_up().await.unwrap();
    assert_eq!(env.rows("invitations").await, 0);
}

#[tokio::test]
async fn an_administrator_who_is_none_any_more_leaves_no_way_back() {
    let env = TestEnv::new().await;
    let root = env.administrator(ROOT).await;
    let other = env.administrator("other@example.com").await;
    invite(&env, &other, json!({"email": ADA, "is_admin": true}))
        .await
        .unwrap();
    let token = env.token_to(ADA).await;
    invite(&env, &other, json!({"email": "bob@example.com"}))
        .await
        .unwrap();
    let harmless = env.token_to("bob@example.com").await;
    env.accounts
        .set_admin_of_user("other@example.com".into(), false)
        .await
        .unwrap();
    assert_eq!(accept(&env.accounts, &token).await.err(), Some("fields"));
    assert!(accept(&env.accounts, &harmless).await.is_ok());
    // The token of the former administrator is no longer good for one, either.
    let refused = invite(&env, &other, json!({"email": "eve@example.com"})).await;
    assert_eq!(refused.err(), Some("not allowed"));
    let id = list(&env).await[0].id.to_string();
    let revoked = env.accounts.revoke_invitation(&other, &id);
    assert_eq!(revoked.await.map_err(why), Err("not allowed"));
    let revoked = env.accounts.revoke_invitation(&root, &id);
    assert_eq!(revoked.await.map_err(why), Ok(()));
}

#[tokio::test]
async fn services_never_touch_invitations_of_administrators() {
    let env = TestEnv::new().await;
    let root = env.administrator(ROOT).await;
    let service = service(&env).await;
    let admin = json!({"email": ADA, "is_admin": true});
    let refused = invite(&env, &service, admin.clone()).await;
    assert_eq!(refused.err(), Some("not allowed"));
    let invited = invite(&env, &root, admin).await.unwrap();
    env.clock.advance(5 * MINUTE);
    let refused = invite(&env, &service, json!({"email": ADA})).await;
    assert_eq!(refused.err(), Some("not allowed"));
    let id = invited.id.to_string();
    let refused = env.accounts.revoke_invitation(&service, &id).await;
    assert_eq!(refused.map_err(why), Err("not allowed"));
    assert!(list(&env).await[0].is_admin);
    // What else it may do.
    let roles = json!({"email": "bob@example.com", "roles": ["editor"]});
    invite(&env, &service, roles).await.unwrap();
    env.emails().await;
    assert_eq!(list(&env).await[0].actor_name.as_deref(), Some("a backend"));
}

#[tokio::test]
async fn granting_something_needs_a_recent_sign_in() {
    let env = TestEnv::new().await;
    let root = env.administrator(ROOT).await;
    env.clock.advance(16 * MINUTE);
    for json in [
        json!({"email": ADA, "is_admin": true}),
        json!({"email": ADA, "roles": ["editor"]}),
    ] {
        assert_eq!(invite(&env, &root, json).await.err(), Some("not recent"));
    }
    assert!(invite(&env, &root, json!({"email": ADA})).await.is_ok());
}

#[tokio::test]
async fn the_policy_of_registration_is_kept() {
    let env = TestEnv::new().await;
    let root = env.administrator(ROOT).await;
    invite(&env, &root, json!({"email": ADA})).await.unwrap();
    let token = env.token_to(ADA).await;
    let device = laptop();
    for policy in [RegistrationPolicy::Closed, RegistrationPolicy::Invite] {
        let server = env.server_with_registration(policy);
        for email in [ADA, "nobody@example.com", "not an address"] {
            let registered = server.register(email.into(), PASSWORD.into(), &device);
            assert_eq!(registered.await.map_err(why).err(), Some("not allowed"));
        }
        let looked = server.link(token.as_str().into()).await.map_err(why);
        let accepted = accept(&server, &token).await;
        if policy == RegistrationPolicy::Closed {
            assert_eq!(looked.err(), Some("fields"));
            assert_eq!(accepted.err(), Some("not allowed"));
            let invited = server.invite_by_operator("bob@example.com".into(), None, &[], false);
            assert_eq!(invited.await.map_err(why).err(), Some("conflict"));
        } else {
            assert!(looked.is_ok() && accepted.is_ok());
            assert_eq!(accept(&server, "guessed").await.err(), Some("fields"));
        }
    }
}

#[tokio::test]
async fn of_concurrent_acceptances_one_wins() {
    let env = TestEnv::new().await;
    let root = env.administrator(ROOT).await;
    invite(&env, &root, json!({"email": ADA})).await.unwrap();
    let token = env.token_to(ADA).await;
    let accounts = &env.accounts;
    let (a, b) = tokio::join!(accept(accounts, &token), accept(accounts, &token));
    assert_eq!([&a, &b].iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(env.rows("users").await, 2);
    // An account that someone else has created in the meantime is left alone.
    let other = "grace@example.com";
    let invited = invite(&env, &root, json!({"email": other})).await.unwrap();
    let token = env.token_to(other).await;
    let device = laptop();
    accounts
        .register(other.into(), PASSWORD.into(), &device)
        .await
        .unwrap();
    assert_eq!(accept(accounts, &token).await.err(), Some("fields"));
    let user = accounts.user_details(other.into()).await.unwrap();
    assert!(user.id != invited.id && !user.email_verified);
}
