//! The fields of requests for lists: filters, the order, and where a page begins.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use languages::tr_later;
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::json_fields::boolean_text;
use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    profile::Roles,
    store::{
        audit_log::EventQuery,
        user_list::{Order, Position, UserQuery},
    },
    text,
    validation::Validator,
};

/// How many users a page has unless the request says so, and how many at most.
const DEFAULT_LIMIT: u32 = 50;
const LIMIT: u32 = 200;

/// The maximum length of a text to search for, in characters.
const SEARCH_LIMIT: usize = 254;

const INVALID_CURSOR: &str = tr_later("This is not a cursor of this list.");

/// The fields of a request for a list of users.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserListFields<'a> {
    /// A text anywhere in email address, name or id.
    pub search: Option<&'a str>,
    /// `true` or `false`.
    pub is_active: Option<&'a str>,
    /// `true` or `false`.
    pub is_admin: Option<&'a str>,
    /// A role.
    pub role: Option<&'a str>,
    /// `true` or `false`.
    pub email_verified: Option<&'a str>,
    /// `true` or `false`.
    pub otp_enabled: Option<&'a str>,
    /// `date_joined` or `email`, after a `-` for the other direction.
    pub order: Option<&'a str>,
    /// The number of users.
    pub limit: Option<&'a str>,
    /// Where the page begins, as the page before has said.
    pub cursor: Option<&'a str>,
}

/// The fields of a request for a list of audit events.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventListFields<'a> {
    /// The name of the events.
    pub event: Option<&'a str>,
    /// The id of the user that they are about.
    pub user: Option<&'a str>,
    /// The time of the earliest event, in RFC 3339.
    pub since: Option<&'a str>,
    /// The number of events.
    pub limit: Option<&'a str>,
    /// Where the page begins, as the page before has said.
    pub cursor: Option<&'a str>,
}

/// The fields of a request for the log of a webhook.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeliveryListFields<'a> {
    /// The number of deliveries.
    pub limit: Option<&'a str>,
    /// Where the page begins, as the page before has said.
    pub cursor: Option<&'a str>,
}

/// Where a page ends: the order of the list, and the key and the id of the last entry.
#[derive(Serialize, Deserialize)]
pub(super) struct Cursor(String, String, Id);

impl Cursor {
    /// A cursor after an entry of a list.
    pub fn new(order: &str, key: &str, id: Id) -> Self {
        Self(order.to_owned(), key.to_owned(), id)
    }

    /// The cursor as text.
    pub fn encode(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        BASE64_URL_SAFE_NO_PAD.encode(json)
    }

    /// Reads a cursor, if it is one of a list in this order.
    fn decode(text: &str, order: &str) -> Option<Self> {
        let json = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let cursor: Self = serde_json::from_slice(&json).ok()?;
        let is_valid = cursor.0 == order && !cursor.1.contains(text::is_control);
        is_valid.then_some(cursor)
    }

    fn timestamp(&self) -> Option<Timestamp> {
        parse_time(&self.1)
    }
}

/// A request for a list of users that was understood.
pub(super) struct UserList<'a> {
    pub query: UserQuery<'a>,
    /// The name of the order.
    pub order: &'a str,
    pub limit: u32,
}

/// The name of the order of audit events.
pub(super) const EVENT_ORDER: &str = "-at";

impl<'a> UserListFields<'a> {
    /// Understands the fields. `search` is the place for the text to search for.
    ///
    /// # Errors
    /// Field errors.
    pub(super) fn parse(&self, search: &'a mut String) -> Result<UserList<'a>, Error> {
        let mut validator = Validator::default();
        if let Some(text) = self.search {
            *search = text::nfc(text::trim(text)).to_ascii_lowercase();
            if search.chars().count() > SEARCH_LIMIT || search.contains(text::is_control) {
                validator.reject(
                    "search",
                    tr_later("This can't be in an email address or a name."),
                );
            }
        }
        let order_name = self.order.unwrap_or("-date_joined");
        let order = parse_order(order_name);
        if order.is_none() {
            let message = tr_later("This must be date_joined, -date_joined, email or -email.");
            validator.reject("order", message);
        }
        let order = order.unwrap_or(Order::DateJoined { descending: true });
        if self.role.is_some_and(|role| Roles::parse([role]).is_err()) {
            validator.reject("role", tr_later("This is not the name of a role."));
        }
        let mut flag = |field, value| boolean_text(&mut validator, field, value);
        let query = UserQuery {
            is_active: flag("is_active", self.is_active),
            is_admin: flag("is_admin", self.is_admin),
            email_verified: flag("email_verified", self.email_verified),
            otp_enabled: flag("otp_enabled", self.otp_enabled),
            search: Some(&**search).filter(|text| !text.is_empty()),
            role: self.role,
            order,
            after: self.position(&mut validator, order_name, order),
        };
        let limit = parse_limit(&mut validator, self.limit);
        if !validator.is_empty() {
            return Err(validator.into_error());
        }
        Ok(UserList {
            query,
            order: order_name,
            limit,
        })
    }

    fn position(&self, validator: &mut Validator, name: &str, order: Order) -> Option<Position> {
        let cursor = Cursor::decode(self.cursor?, name);
        let position = cursor.and_then(|cursor| match order {
            Order::DateJoined { .. } => {
                let time = cursor.timestamp()?;
                Some(Position::Time(time, cursor.2))
            }
            Order::Email { .. } => Some(Position::Email(cursor.1, cursor.2)),
        });
        if position.is_none() {
            validator.reject("cursor", INVALID_CURSOR);
        }
        position
    }
}

impl<'a> EventListFields<'a> {
    /// Understands the fields. Returns the query and the number of events.
    ///
    /// # Errors
    /// Field errors.
    pub(super) fn parse(&self) -> Result<(EventQuery<'a>, u32), Error> {
        let mut validator = Validator::default();
        let is_name = |name: &str| {
            let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            name.len() <= 64 && name.bytes().all(is_allowed)
        };
        if self.event.is_some_and(|event| !is_name(event)) {
            validator.reject("event", tr_later("This is not the name of an event."));
        }
        let user_id = self.user.and_then(|id| {
            let parsed = id.parse();
            if parsed.is_err() {
                validator.reject("user", tr_later("This is not the ID of a user."));
            }
            parsed.ok()
        });
        let since = self.since.and_then(|time| {
            let parsed = parse_time(time);
            if parsed.is_none() {
                validator.reject(
                    "since",
                    tr_later("This must be a time as in 2026-01-31T08:15:30Z."),
                );
            }
            parsed
        });
        let after = time_position(&mut validator, EVENT_ORDER, self.cursor);
        let limit = parse_limit(&mut validator, self.limit);
        if !validator.is_empty() {
            return Err(validator.into_error());
        }
        let query = EventQuery {
            user_id,
            event: self.event,
            since,
            after,
        };
        Ok((query, limit))
    }
}

/// The name of the order of deliveries.
const DELIVERY_ORDER: &str = "-seq";

/// The cursor after a delivery.
pub(super) fn delivery_cursor(seq: i64, id: Id) -> String {
    Cursor::new(DELIVERY_ORDER, &seq.to_string(), id).encode()
}

impl DeliveryListFields<'_> {
    /// Understands the fields. Returns the number that the deliveries come before, and how many are wanted.
    ///
    /// # Errors
    /// Field errors.
    pub(super) fn parse(&self) -> Result<(Option<i64>, u32), Error> {
        let mut validator = Validator::default();
        let before = self.cursor.and_then(|cursor| {
            let cursor = Cursor::decode(cursor, DELIVERY_ORDER);
            let seq = cursor.and_then(|cursor| cursor.1.parse().ok());
            if seq.is_none() {
                validator.reject("cursor", INVALID_CURSOR);
            }
            seq
        });
        let limit = parse_limit(&mut validator, self.limit);
        if validator.is_empty() {
            Ok((before, limit))
        } else {
            Err(validator.into_error())
        }
    }
}

/// Understands the fields of a request for a list by time that has no filters. Returns where the page
/// begins, and the number of entries.
///
/// # Errors
/// Field errors.
pub(super) fn parse_page(
    order: &str,
    limit: Option<&str>,
    cursor: Option<&str>,
) -> Result<(Option<(Timestamp, Id)>, u32), Error> {
    let mut validator = Validator::default();
    let after = time_position(&mut validator, order, cursor);
    let limit = parse_limit(&mut validator, limit);
    if validator.is_empty() {
        Ok((after, limit))
    } else {
        Err(validator.into_error())
    }
}

/// Where a page of a list by time begins.
fn time_position(
    validator: &mut Validator,
    order: &str,
    cursor: Option<&str>,
) -> Option<(Timestamp, Id)> {
    let cursor = Cursor::decode(cursor?, order);
    let position = cursor.and_then(|cursor| Some((cursor.timestamp()?, cursor.2)));
    if position.is_none() {
        validator.reject("cursor", INVALID_CURSOR);
    }
    position
}

fn parse_order(name: &str) -> Option<Order> {
    let (name, descending) = match name.strip_prefix('-') {
        Some(name) => (name, true),
        None => (name, false),
    };
    match name {
        "date_joined" => Some(Order::DateJoined { descending }),
        "email" => Some(Order::Email { descending }),
        _ => None,
    }
}

fn parse_limit(validator: &mut Validator, limit: Option<&str>) -> u32 {
    let Some(text) = limit else {
        return DEFAULT_LIMIT;
    };
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // A number that is too large to read is above the limit, too.
    match text.parse().unwrap_or(LIMIT) {
        limit @ 1.. if is_number => limit.min(LIMIT),
        _ => {
            validator.reject("limit", tr_later("This must be a whole number above 0."));
            DEFAULT_LIMIT
        }
    }
}

pub(super) fn parse_time(text: &str) -> Option<Timestamp> {
    let time = OffsetDateTime::parse(text, &Rfc3339);
    time.ok().map(Timestamp::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(parsed: Result<UserList<'_>, Error>) -> Vec<&'static str> {
        match parsed {
            Ok(_) => Vec::new(),
            Err(Error::Fields(fields)) => fields.into_keys().collect(),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn wrong_fields_are_named_together() {
        let nothing = UserListFields::default();
        let mut text = String::new();
        let list = nothing.parse(&mut text).unwrap();
        assert_eq!((list.limit, list.order), (50, "-date_joined"));
        assert!(list.query.search.is_none());
        let wrong = UserListFields {
            search: Some("a\0"),
            is_active: Some("1"),
            role: Some("A role"),
            order: Some("password_hash"),
            limit: Some("0"),
            cursor: Some("nonsense"),
            ..nothing
        };
        let named = fields(wrong.parse(&mut String::new()));
        assert_eq!(
            named,
            ["cursor", "is_active", "limit", "order", "role", "search"]
        );
    }

    #[test]
    fn limits_are_bounded() {
        for (limit, expected) in [("1", 1), ("200", 200), ("201", 200), ("99999999999", 200)] {
            let fields = UserListFields {
                limit: Some(limit),
                ..UserListFields::default()
            };
            assert_eq!(fields.parse(&mut String::new()).unwrap().limit, expected);
        }
        for limit in ["", "-1", "+1", "1.5", "x"] {
            let list = UserListFields {
                limit: Some(limit),
                ..UserListFields::default()
            };
            assert_eq!(fields(list.parse(&mut String::new())), ["limit"], "{limit}");
        }
    }

    #[test]
    fn a_cursor_belongs_to_its_order() {
        let id = Id::from_random([1; 16]);
        let cursor = Cursor::new("email", "ada@example.com", id).encode();
        let list = |order| {
            let fields = UserListFields {
                order: Some(order),
                cursor: Some(&cursor),
                ..UserListFields::default()
            };
            self::fields(fields.parse(&mut String::new()))
        };
        assert_eq!(list("email"), [""; 0]);
        assert_eq!(list("-email"), ["cursor"]);
        assert_eq!(list("date_joined"), ["cursor"]);
    }
}
