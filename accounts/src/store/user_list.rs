//! Lists of users: filtered, searched and sorted, a page at a time.
//!
//! A page begins after the last user of the one before (keyset pagination), so that a later page costs no
//! more than the first one. Few users that match a search or have a role are found by its index and then
//! sorted. Where there are many, the users are read in the order of the list, until the page is full. To
//! know which, the matches are counted up to [`FEW`] first.

use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{
        administration::{ManagedUser, managed_user_columns},
        database::Database,
        filter::Filter,
        statement::{Statement, Value},
    },
};

/// Up to this many matches are sorted.
const FEW: u32 = 2000;

/// The least number of characters that an index of trigrams can find.
const TRIGRAM: usize = 3;

/// How users are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// By the time of registration, the oldest or the newest first.
    DateJoined { descending: bool },
    /// By email address, without case.
    Email { descending: bool },
}

/// The place of a user in a list. It has the key by which the list is sorted.
pub(crate) enum Position {
    /// In a list by time.
    Time(Timestamp, Id),
    /// In a list by email address in lower case.
    Email(String, Id),
}

/// Which users to list.
pub(crate) struct UserQuery<'a> {
    /// A text that occurs in email address, name or id, with ASCII letters in lower case.
    pub search: Option<&'a str>,
    pub is_active: Option<bool>,
    pub is_admin: Option<bool>,
    pub email_verified: Option<bool>,
    pub otp_enabled: Option<bool>,
    pub role: Option<&'a str>,
    pub order: Order,
    /// The last user of the page before.
    pub after: Option<Position>,
}

const HEAD: &str = concat!("SELECT ", managed_user_columns!(), " FROM users");

impl UserQuery<'_> {
    /// Returns up to `limit` users.
    pub async fn run(&self, database: &Database, limit: u32) -> Result<Vec<ManagedUser>, Error> {
        let mut filter = Filter::default();
        self.add_flags(&mut filter);
        if let Some(role) = self.role {
            add_role(&mut filter, database, role).await?;
        }
        if let Some(text) = self.search {
            add_search(&mut filter, database, text).await?;
        }
        self.add_position(&mut filter);
        database
            .fetch_all(filter.query(HEAD, self.order.sql(), limit))
            .await
    }

    /// Adds the flags as texts of their own, for which there are partial indexes.
    fn add_flags(&self, filter: &mut Filter<'_>) {
        for (flag, yes, no) in [
            (self.is_active, "is_active", "NOT is_active"),
            (self.is_admin, "is_admin", "NOT is_admin"),
            (self.email_verified, "email_verified", "NOT email_verified"),
            (self.otp_enabled, "otp_enabled", "NOT otp_enabled"),
        ] {
            match flag {
                Some(true) => filter.add(yes, []),
                Some(false) => filter.add(no, []),
                None => {}
            }
        }
    }

    fn add_position<'a>(&'a self, filter: &mut Filter<'a>) {
        let descending = self.order.is_descending();
        match &self.after {
            Some(Position::Time(time, id)) => {
                let condition = if descending {
                    "(date_joined, users.id) < (?, ?)"
                } else {
                    "(date_joined, users.id) > (?, ?)"
                };
                filter.add(condition, [(*time).into(), (*id).into()]);
            }
            Some(Position::Email(email, id)) => {
                let condition = if descending {
                    "(email_key, users.id) < (?, ?)"
                } else {
                    "(email_key, users.id) > (?, ?)"
                };
                filter.add(condition, [email.as_str().into(), (*id).into()]);
            }
            None => {}
        }
    }
}

impl Order {
    fn is_descending(self) -> bool {
        let (Self::DateJoined { descending } | Self::Email { descending }) = self;
        descending
    }

    fn sql(self) -> &'static str {
        match self {
            Self::DateJoined { descending: true } => "ORDER BY date_joined DESC, users.id DESC",
            Self::DateJoined { descending: false } => "ORDER BY date_joined, users.id",
            Self::Email { descending: true } => "ORDER BY email_key DESC, users.id DESC",
            Self::Email { descending: false } => "ORDER BY email_key, users.id",
        }
    }
}

async fn add_role<'a>(
    filter: &mut Filter<'a>,
    database: &Database,
    role: &'a str,
) -> Result<(), Error> {
    const COUNT: &str = "
        SELECT count(*) FROM (SELECT 1 FROM user_roles WHERE role = $1 LIMIT $2) AS found";
    let count = Statement::new(COUNT).bind(role).bind(FEW + 1);
    let (found,): (i64,) = database.fetch_one(count).await?;
    let condition = if found <= i64::from(FEW) {
        "users.id IN (SELECT user_id FROM user_roles WHERE role = ?)"
    } else {
        "EXISTS (SELECT 1 FROM user_roles WHERE role = ? AND user_id = users.id)"
    };
    filter.add(condition, [role.into()]);
    Ok(())
}

async fn add_search<'a>(
    filter: &mut Filter<'a>,
    database: &Database,
    text: &'a str,
) -> Result<(), Error> {
    match database {
        Database::Sqlite { .. } => {
            const COUNT: &str = "
                SELECT count(*) FROM (
                    SELECT 1 FROM user_search WHERE user_search MATCH $1 LIMIT $2
                ) AS found";
            const FOUND: &str = "
                users.id IN (
                    SELECT user_id FROM user_search_rows WHERE number IN (
                        SELECT rowid FROM user_search WHERE user_search MATCH ?
                    )
                )";
            // A shorter text is in no trigram. Reading all texts in the order of their rows takes 0.2 s for a
            // million users; in the order of the list, it would be minutes.
            const COUNT_SHORT: &str = "
                SELECT count(*) FROM (
                    SELECT 1 FROM user_search_rows WHERE instr(text, $1) > 0 LIMIT $2
                ) AS found";
            const FOUND_SHORT: &str = "
                users.id IN (SELECT user_id FROM user_search_rows WHERE instr(text, ?) > 0)";
            let (count, condition, pattern) = if text.chars().count() >= TRIGRAM {
                let phrase = format!("\"{}\"", text.replace('"', "\"\""));
                (COUNT, FOUND, phrase)
            } else {
                (COUNT_SHORT, FOUND_SHORT, text.to_owned())
            };
            let count = Statement::new(count).bind(pattern.clone()).bind(FEW + 1);
            let (found,): (i64,) = database.fetch_one(count).await?;
            if found <= i64::from(FEW) {
                filter.add(condition, [pattern.into()]);
            }
            // The index is not exact: it also compares other letters without case.
            filter.add("instr(search, ?) > 0", [text.into()]);
        }
        Database::Postgres(_) => {
            const COUNT: &str = "
                SELECT count(*) FROM (SELECT 1 FROM users WHERE search LIKE $1 LIMIT $2) AS found";
            let pattern = like_pattern(text);
            let count = Statement::new(COUNT)
                .planned_each_time()
                .bind(pattern.clone())
                .bind(FEW + 1);
            let (found,): (i64,) = database.fetch_one(count).await?;
            let condition = if found <= i64::from(FEW) {
                "users.id IN (SELECT id FROM users AS found WHERE found.search LIKE ? OFFSET 0)"
            } else {
                // No index of trigrams is used for an expression.
                "strpos(search, ?) > 0"
            };
            let value: Value<'a> = if found <= i64::from(FEW) {
                pattern.into()
            } else {
                text.into()
            };
            filter.add(condition, [value]);
        }
    }
    Ok(())
}

/// The pattern of texts that contain this one. In PostgreSQL a backslash takes a character literally.
fn like_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 8);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::like_pattern;

    #[test]
    fn a_search_is_literal() {
        assert_eq!(like_pattern("ada"), "%ada%");
        assert_eq!(like_pattern("100%_\\"), "%100\\%\\_\\\\%");
    }
}
