//! What administrators, services and operators may do to users, and what they may not.

use accounts::{Accounts, Administrator, ManagedUser, Scope, UserFields};
use serde_json::{Value, json};

use crate::support::{EMAIL, MINUTE, PASSWORD, SECOND, TestEnv, laptop, on_laptop, why};

const ROOT: &str = "root@example.com";

async fn change(
    env: &TestEnv,
    administrator: &Administrator,
    id: &str,
    fields: UserFields,
) -> Result<ManagedUser, &'static str> {
    let changed = env.accounts.change_user(administrator, id, &fields).await;
    changed.map_err(why)
}

/// The fields of a request, as JSON.
fn fields(json: Value) -> UserFields {
    let field = |name: &str| json[name].clone();
    UserFields {
        email: field("email"),
        name: field("name"),
        roles: field("roles"),
        is_active: field("is_active"),
        is_admin: field("is_admin"),
        metadata: field("metadata"),
        app_metadata: field("app_metadata"),
        version: field("version"),
    }
}

async fn service(env: &TestEnv, scope: Scope) -> Administrator {
    let scopes = [scope];
    let key = env
        .accounts
        .create_service_key("a backend".into(), &scopes, None);
    let key = key.await.unwrap();
    env.accounts
        .administrator(&key, scope, &on_laptop())
        .await
        .unwrap()
}

#[tokio::test]
async fn administrators_and_services_with_the_scope_are_let_in() {
    let env = TestEnv::with_user().await;
    let pair = env.sign_in().await;
    let enter = async |credentials: &str, scope| {
        let found = env
            .accounts
            .administrator(credentials, scope, &on_laptop())
            .await;
        found.map(drop).map_err(why)
    };
    let token = &pair.access_token;
    assert_eq!(enter(token, Scope::UsersRead).await, Err("not allowed"));
    assert_eq!(enter("garbage", Scope::UsersRead).await, Err("invalid"));
    assert_eq!(
        enter("lk_garbage", Scope::UsersRead).await,
        Err("invalid key")
    );
    // From this moment on, with the same token; and until it is taken away.
    env.accounts
        .set_admin_of_user(EMAIL.into(), true)
        .await
        .unwrap();
    assert_eq!(enter(token, Scope::UsersWrite).await, Ok(()));
    env.administrator(ROOT).await;
    env.accounts
        .set_admin_of_user(EMAIL.into(), false)
        .await
        .unwrap();
    assert_eq!(enter(token, Scope::UsersWrite).await, Err("not allowed"));
    for held in Scope::ALL {
        let key = env
            .accounts
            .create_service_key("x".into(), &[held], None)
            .await
            .unwrap();
        for scope in [Scope::UsersRead, Scope::UsersWrite, Scope::AuditRead] {
            let expected = if scope == held {
                Ok(())
            } else {
                Err("not allowed")
            };
            assert_eq!(enter(&key, scope).await, expected, "{held} {scope}");
        }
    }
}

#[tokio::test]
async fn everything_can_be_changed_and_is_recorded() {
    let env = TestEnv::with_verified_user().await;
    let root = env.administrator(ROOT).await;
    let id = env.id_of(EMAIL).await;
    let changed = change(
        &env,
        &root,
        &id,
        fields(json!({
            "email": "Lovelace@example.com",
            "name": "Ada",
            "roles": ["editor"],
            "is_admin": true,
            "metadata": {"a": 1},
            "app_metadata": {"b": 2},
        })),
    )
    .await
    .unwrap();
    assert_eq!(
        (&*changed.email, &*changed.name),
        ("Lovelace@example.com", "Ada")
    );
    assert!(changed.is_admin && changed.email_verified);
    assert_eq!(changed.roles.to_vec(), ["editor"]);
    assert_eq!(
        (&*changed.metadata, &*changed.app_metadata),
        (r#"{"a":1}"#, r#"{"b":2}"#)
    );
    let events = env.accounts.activity_of(&root, &id).await.unwrap();
    let mut names: Vec<_> = events.iter().map(|event| &*event.event).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "operator_changed_email",
            "operator_changed_profile",
            "operator_changed_roles",
            "operator_granted_admin",
            "registered",
        ]
    );
    let change = events
        .iter()
        .find(|event| event.event != "registered")
        .unwrap();
    assert_eq!(change.actor_kind.as_deref(), Some("user"));
    assert_eq!(change.actor_name.as_deref(), Some(ROOT));
    assert_eq!(change.ip, "127.0.0.1");
    // What changes nothing is no event, and the same version.
    let version = changed.version();
    let same = fields(json!({"name": "Ada", "roles": "editor", "version": version}));
    let same = self::change(&env, &root, &id, same).await.unwrap();
    assert_eq!(same.version(), version);
    assert_eq!(env.accounts.activity_of(&root, &id).await.unwrap().len(), 5);
    // The user sees the changes, but not from where they were made.
    let device = laptop();
    let pair = env
        .accounts
        .login("lovelace@example.com".into(), PASSWORD.into(), &device);
    let pair = pair.await.unwrap().tokens;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let events = env.accounts.activity(&caller).await.unwrap();
    let change = events
        .iter()
        .find(|event| event.event == "operator_changed_roles");
    let change = change.unwrap();
    assert_eq!((&*change.ip, change.actor_id), ("", None));
}

#[tokio::test]
async fn wrong_fields_and_taken_addresses_change_nothing() {
    let env = TestEnv::with_user().await;
    let root = env.administrator(ROOT).await;
    let id = env.id_of(EMAIL).await;
    for wrong in [
        json!({"email": "nonsense"}),
        json!({"email": ROOT}),
        json!({"email": 1}),
        json!({"name": "a\nb", "roles": ["fine"]}),
        json!({"roles": ["NOT FINE"]}),
        json!({"is_active": "perhaps"}),
        json!({"metadata": []}),
        json!({"app_metadata": "nonsense"}),
        json!({"version": 1}),
    ] {
        let changed = change(&env, &root, &id, fields(wrong.clone())).await;
        assert_eq!(changed.err(), Some("fields"), "{wrong}");
    }
    assert_eq!(env.accounts.activity_of(&root, &id).await.unwrap().len(), 1);
    for id in ["", "nonsense", "00000000-0000-4000-8000-000000000000"] {
        let name = fields(json!({"name": "x"}));
        assert_eq!(change(&env, &root, id, name).await.err(), Some("not found"));
        let deleted = env.accounts.delete_managed_user(&root, id).await;
        assert_eq!(deleted.map_err(why).err(), Some("not found"));
        let signed_out = env.accounts.sign_out_managed_user(&root, id).await;
        assert_eq!(signed_out.map_err(why), Err("not found"));
    }
}

#[tokio::test]
async fn a_change_that_was_overtaken_is_refused() {
    let env = TestEnv::with_user().await;
    let root = env.administrator(ROOT).await;
    let id = env.id_of(EMAIL).await;
    let version = env
        .accounts
        .managed_user(&root, &id)
        .await
        .unwrap()
        .version();
    let rename = |name: &str| fields(json!({"name": name, "version": version}));
    change(&env, &root, &id, rename("One")).await.unwrap();
    assert_eq!(
        change(&env, &root, &id, rename("Two")).await.err(),
        Some("conflict")
    );
    // A change by hand is one, too.
    let version = env
        .accounts
        .managed_user(&root, &id)
        .await
        .unwrap()
        .version();
    env.execute("UPDATE users SET roles = '[\"x\"]'").await;
    let overtaken = fields(json!({"name": "Two", "version": version}));
    assert_eq!(
        change(&env, &root, &id, overtaken).await.err(),
        Some("conflict")
    );
    let user = env.accounts.managed_user(&root, &id).await.unwrap();
    assert_eq!(&*user.name, "One");
}

#[tokio::test]
async fn deactivation_ends_everything_at_once() {
    let env = TestEnv::with_user().await;
    let root = env.administrator(ROOT).await;
    let pair = env.sign_in().await;
    let id = env.id_of(EMAIL).await;
    let set = async |is_active: bool| {
        let fields = fields(json!({"is_active": is_active}));
        change(&env, &root, &id, fields).await.unwrap()
    };
    assert!(!set(false).await.is_active);
    assert_eq!(
        env.authorize(&pair.access_token).await.err(),
        Some("invalid")
    );
    assert!(env.refuses_refresh(&pair.refresh_token).await);
    let login = env
        .accounts
        .login(EMAIL.into(), PASSWORD.into(), &laptop())
        .await;
    assert_eq!(login.map_err(why).err(), Some("inactive"));
    assert!(set(true).await.is_active);
    // Ended sessions stay ended.
    assert_eq!(
        env.authorize(&pair.access_token).await.err(),
        Some("invalid")
    );
    env.sign_in().await;
}

#[tokio::test]
async fn some_changes_need_a_recent_sign_in() {
    let env = TestEnv::with_user().await;
    let root = env.administrator(ROOT).await;
    let id = env.id_of(EMAIL).await;
    let sensitive = [
        json!({"email": "new@example.com"}),
        json!({"roles": []}),
        json!({"is_admin": false}),
    ];
    env.clock.advance(15 * MINUTE);
    for change in &sensitive {
        let changed = self::change(&env, &root, &id, fields(change.clone())).await;
        assert!(changed.is_ok(), "{change}");
    }
    env.clock.advance(SECOND);
    for change in &sensitive {
        let changed = self::change(&env, &root, &id, fields(change.clone())).await;
        assert_eq!(changed.err(), Some("not recent"), "{change}");
    }
    let deleted = env.accounts.delete_managed_user(&root, &id).await;
    assert_eq!(deleted.map_err(why).err(), Some("not recent"));
    let harmless = fields(json!({"name": "Ada", "is_active": true, "app_metadata": {}}));
    change(&env, &root, &id, harmless).await.unwrap();
    env.accounts
        .sign_out_managed_user(&root, &id)
        .await
        .unwrap();
    let again = env
        .accounts
        .reauthenticate(root.user().unwrap(), PASSWORD.into(), None);
    let pair = again.await.unwrap();
    let token = &pair.access_token;
    let root = env
        .accounts
        .administrator(token, Scope::UsersWrite, &on_laptop())
        .await;
    env.accounts
        .delete_managed_user(&root.unwrap(), &id)
        .await
        .unwrap();
}

#[tokio::test]
async fn services_never_touch_administrators() {
    let env = TestEnv::with_user().await;
    env.administrator(ROOT).await;
    env.administrator("other@example.com").await;
    let service = service(&env, Scope::UsersWrite).await;
    let (id, root) = (env.id_of(EMAIL).await, env.id_of(ROOT).await);
    let refused = Some("not allowed");
    for is_admin in [true, false] {
        let granted = fields(json!({"is_admin": is_admin}));
        assert_eq!(change(&env, &service, &id, granted).await.err(), refused);
    }
    let renamed = fields(json!({"name": "x"}));
    assert_eq!(change(&env, &service, &root, renamed).await.err(), refused);
    let deleted = env.accounts.delete_managed_user(&service, &root).await;
    assert_eq!(deleted.map_err(why).err(), refused);
    let signed_out = env.accounts.sign_out_managed_user(&service, &root).await;
    assert_eq!(signed_out.map_err(why).err(), refused);
    // Other users are theirs to change.
    let roles = fields(json!({"roles": ["editor"], "email": "new@example.com"}));
    change(&env, &service, &id, roles).await.unwrap();
    let events = env.accounts.activity_of(&service, &id).await.unwrap();
    assert_eq!(events[0].actor_kind.as_deref(), Some("service_key"));
    assert_eq!(events[0].actor_name.as_deref(), Some("a backend"));
    env.accounts
        .sign_out_managed_user(&service, &id)
        .await
        .unwrap();
    env.accounts
        .delete_managed_user(&service, &id)
        .await
        .unwrap();
    let events = env
        .accounts
        .audit("new@example.com".into(), 10)
        .await
        .unwrap();
    assert_eq!(events[0].event, "account_deleted");
    assert_eq!(events[0].actor_name.as_deref(), Some("a backend"));
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let env = TestEnv::with_user().await;
    let root = env.administrator(ROOT).await;
    let id = env.id_of(ROOT).await;
    let conflict = Some("conflict");
    let refused = async |server: &Accounts| {
        for change in [json!({"is_admin": false}), json!({"is_active": false})] {
            let changed = server.change_user(&root, &id, &fields(change)).await;
            assert_eq!(changed.map_err(why).err(), conflict);
        }
        let deleted = server.delete_managed_user(&root, &id).await;
        assert_eq!(deleted.map_err(why).err(), conflict);
        let caller = root.user().unwrap();
        let deleted = server.delete_user(caller, PASSWORD.into()).await;
        assert_eq!(deleted.map_err(why).err(), conflict);
        let demoted = server.set_admin_of_user(ROOT.into(), false).await;
        assert_eq!(demoted.map_err(why).err(), conflict);
        let deleted = server.delete_by_operator(ROOT.into()).await;
        assert_eq!(deleted.map_err(why).err(), conflict);
    };
    refused(&env.accounts).await;
    // One who is deactivated does not count.
    env.accounts
        .set_admin_of_user(EMAIL.into(), true)
        .await
        .unwrap();
    env.accounts.deactivate_user(EMAIL.into()).await.unwrap();
    refused(&env.accounts).await;
    env.accounts.activate_user(EMAIL.into()).await.unwrap();
    let demoted = fields(json!({"is_admin": false}));
    change(&env, &root, &id, demoted).await.unwrap();
    // An operator can stop even the last one.
    env.accounts.deactivate_user(EMAIL.into()).await.unwrap();
}

#[tokio::test]
async fn of_two_administrators_who_demote_each_other_one_stays() {
    let env = TestEnv::new().await;
    let elsewhere = env.server_elsewhere().await;
    for round in 0..8 {
        let emails = [
            format!("a{round}@example.com"),
            format!("b{round}@example.com"),
        ];
        let one = env.administrator(&emails[0]).await;
        let two = env.administrator(&emails[1]).await;
        // Those of earlier rounds are none any more.
        env.execute_text(format!(
            "UPDATE users SET is_admin = FALSE WHERE email NOT IN ('{}', '{}')",
            emails[0], emails[1]
        ))
        .await;
        let ids = [env.id_of(&emails[0]).await, env.id_of(&emails[1]).await];
        let change = [json!({"is_admin": false}), json!({"is_active": false})][round % 2].clone();
        let (first, second) = (fields(change.clone()), fields(change));
        let (first, second) = if round % 4 < 2 {
            tokio::join!(
                env.accounts.change_user(&one, &ids[1], &first),
                elsewhere.change_user(&two, &ids[0], &second),
            )
        } else {
            let (deleted, changed) = tokio::join!(
                env.accounts.delete_managed_user(&one, &ids[1]),
                elsewhere.change_user(&two, &ids[0], &second),
            );
            let id = &ids[0];
            match deleted {
                Ok(_) => (env.accounts.managed_user(&one, id).await, changed),
                Err(error) => (Err(error), changed),
            }
        };
        let results = [first.map(drop).map_err(why), second.map(drop).map_err(why)];
        let done = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(done, 1, "{round}: {results:?}");
        assert_eq!(env.administrators().await, 1, "{round}");
    }
}
