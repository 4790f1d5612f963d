//! Lists of users: filters, searches, orders and pages.

use accounts::{Administrator, UserListFields, UserPage};

use crate::support::{TestEnv, why};

/// Adds a user by hand, who joined on this day of January 2026.
async fn add(env: &TestEnv, number: u8, email: &str, name: &str, more: &str) {
    let flags = ["is_active", "is_admin", "email_verified", "otp_enabled"];
    let values = flags.map(|flag| {
        let is_set = more.contains(flag) || flag == "is_active" && !more.contains("inactive");
        if is_set { "TRUE" } else { "FALSE" }
    });
    let roles: Vec<_> = more
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("role:"))
        .map(|role| format!("\"{role}\""))
        .collect();
    env.execute_text(format!(
        "INSERT INTO users (id, email, name, roles, password_hash, jwt_secret, date_joined, {})
        VALUES ('0000000{number}-0d5c-4f0e-9f5f-0a4b1c8e7f32', '{email}', '{name}', '[{}]', 'x',
            '5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32', '2026-01-0{number}T12:00:00.000Z', {})",
        flags.join(", "),
        roles.join(","),
        values.join(", ")
    ))
    .await;
}

async fn env() -> TestEnv {
    let env = TestEnv::new().await;
    add(
        &env,
        1,
        "Ada@example.com",
        "Ada Lovelace",
        "is_admin role:editor",
    )
    .await;
    add(
        &env,
        2,
        "grace@example.org",
        "Grace \"100%\" Hopper",
        "email_verified",
    )
    .await;
    add(
        &env,
        3,
        "kurt_g@example.com",
        "Kurt Gödel",
        "inactive role:editor role:beta",
    )
    .await;
    add(
        &env,
        4,
        "emmy@example.org",
        "",
        "otp_enabled email_verified",
    )
    .await;
    env
}

async fn page(env: &TestEnv, fields: UserListFields<'_>) -> Result<UserPage, &'static str> {
    let operator = Administrator::operator();
    env.accounts
        .list_users(&operator, &fields)
        .await
        .map_err(why)
}

/// The first letters of the users' addresses, in lower case.
async fn list(env: &TestEnv, fields: UserListFields<'_>) -> String {
    let page = page(env, fields).await.unwrap();
    let initials = page.users.iter().map(|user| &user.email[..1]);
    initials.collect::<String>().to_lowercase()
}

#[tokio::test]
async fn filters_and_orders_can_be_combined() {
    let env = env().await;
    let all = UserListFields::default();
    assert_eq!(list(&env, all).await, "ekga");
    let with = |change: &dyn Fn(&mut UserListFields<'static>)| {
        let mut fields = all;
        change(&mut fields);
        fields
    };
    for (fields, expected) in [
        (with(&|f| f.order = Some("date_joined")), "agke"),
        (with(&|f| f.order = Some("email")), "aegk"),
        (with(&|f| f.order = Some("-email")), "kgea"),
        (with(&|f| f.is_active = Some("false")), "k"),
        (with(&|f| f.is_active = Some("true")), "ega"),
        (with(&|f| f.is_admin = Some("true")), "a"),
        (with(&|f| f.is_admin = Some("false")), "ekg"),
        (with(&|f| f.email_verified = Some("true")), "eg"),
        (with(&|f| f.email_verified = Some("false")), "ka"),
        (with(&|f| f.otp_enabled = Some("true")), "e"),
        (with(&|f| f.otp_enabled = Some("false")), "kga"),
        (with(&|f| f.role = Some("editor")), "ka"),
        (with(&|f| f.role = Some("beta")), "k"),
        (with(&|f| f.role = Some("none")), ""),
        (
            with(&|f| {
                f.role = Some("editor");
                f.is_active = Some("true");
                f.search = Some("love");
                f.order = Some("email");
            }),
            "a",
        ),
    ] {
        assert_eq!(list(&env, fields).await, expected, "{fields:?}");
    }
}

#[tokio::test]
async fn a_search_finds_texts_in_address_name_and_id() {
    let env = env().await;
    for (text, expected) in [
        ("ADA@EX", "a"),
        ("example", "ekga"),
        ("  example.org ", "eg"),
        ("Love", "a"),
        ("00000003-0d5c", "k"),
        ("9f5f-0a4b1c8e7f32", "ekga"),
        ("Gödel", "k"),
        // Shorter than what the index can find.
        ("@", "ekga"),
        ("gr", "g"),
        ("zz", ""),
        // Literally.
        ("100%", "g"),
        ("0%\" H", "g"),
        ("1%", ""),
        ("t_g", "k"),
        ("a_a", ""),
        ("\"", "g"),
        ("\\", ""),
        ("example* OR ada", ""),
        // Not across address and name.
        ("comada", ""),
        ("x' OR 1=1 --", ""),
    ] {
        let fields = UserListFields {
            search: Some(text),
            ..UserListFields::default()
        };
        assert_eq!(list(&env, fields).await, expected, "{text}");
    }
}

#[tokio::test]
async fn searches_follow_changes() {
    let env = env().await;
    let find = async |text| {
        let fields = UserListFields {
            search: Some(text),
            ..UserListFields::default()
        };
        list(&env, fields).await
    };
    env.execute("UPDATE users SET name = 'Noether' WHERE email LIKE 'emmy%'")
        .await;
    assert_eq!(find("noeth").await, "e");
    env.execute(
        "UPDATE users SET email = 'zoe@example.net', roles = '[\"zoo\"]' WHERE name = 'Noether'",
    )
    .await;
    assert_eq!((&*find("emmy").await, &*find("zoe@").await), ("", "z"));
    let fields = UserListFields {
        role: Some("zoo"),
        ..UserListFields::default()
    };
    assert_eq!(list(&env, fields).await, "z");
    env.execute("DELETE FROM users WHERE name = 'Noether'")
        .await;
    assert_eq!((&*find("zoe@").await, &*list(&env, fields).await), ("", ""));
}

#[tokio::test]
async fn pages_follow_one_another_whatever_is_added() {
    let env = env().await;
    for order in ["-date_joined", "date_joined", "email", "-email"] {
        let (mut seen, mut cursor) = (String::new(), None::<String>);
        loop {
            let fields = UserListFields {
                order: Some(order),
                limit: Some("1"),
                cursor: cursor.as_deref(),
                ..UserListFields::default()
            };
            let page = page(&env, fields).await.unwrap();
            assert!(page.users.len() <= 1);
            seen.extend(page.users.iter().map(|user| user.email[..1].to_lowercase()));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let fields = UserListFields {
            order: Some(order),
            ..UserListFields::default()
        };
        assert_eq!(seen, list(&env, fields).await, "{order}");
    }
    // Two users who joined at the same time are both there once.
    env.execute("UPDATE users SET date_joined = '2026-01-01T12:00:00.000Z'")
        .await;
    let first = UserListFields {
        limit: Some("2"),
        ..UserListFields::default()
    };
    let first = page(&env, first).await.unwrap();
    let second = UserListFields {
        cursor: first.next_cursor.as_deref(),
        ..UserListFields::default()
    };
    let second = page(&env, second).await.unwrap();
    let mut ids: Vec<_> = [first.users, second.users].concat();
    ids.sort_by_key(|user| user.id.to_string());
    ids.dedup_by_key(|user| user.id);
    assert_eq!((ids.len(), second.next_cursor), (4, None));
    let wrong = UserListFields {
        cursor: Some("bm9uc2Vuc2U"),
        ..UserListFields::default()
    };
    assert_eq!(page(&env, wrong).await.err(), Some("fields"));
}

/// More matches than are sorted: the list is read in its order.
#[tokio::test]
async fn searches_with_many_matches_find_the_same() {
    let env = env().await;
    let rows: Vec<_> = (0..2_100)
        .map(|number| {
            format!(
                "('{number:08}-1111-4f0e-9f5f-0a4b1c8e7f32', 'many-{number}@example.net', 'x', '[\"many\"]',
                '5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32', '2025-01-01T12:00:00.000Z')"
            )
        })
        .collect();
    env.execute_text(format!(
        "INSERT INTO users (id, email, password_hash, roles, jwt_secret, date_joined) VALUES {}",
        rows.join(", ")
    ))
    .await;
    let fields = UserListFields {
        search: Some("MANY-"),
        role: Some("many"),
        order: Some("email"),
        limit: Some("3"),
        ..UserListFields::default()
    };
    let page = page(&env, fields).await.unwrap();
    let emails: Vec<_> = page.users.iter().map(|user| &*user.email).collect();
    assert_eq!(
        emails,
        [
            "many-0@example.net",
            "many-1000@example.net",
            "many-1001@example.net"
        ]
    );
    assert!(page.next_cursor.is_some());
}
