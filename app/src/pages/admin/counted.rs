//! How long a list is, in words.

use languages::{tr_count, tr_with};

/// What a list consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Users,
    Devices,
    Events,
    Invitations,
    Keys,
    Webhooks,
    Deliveries,
}

impl Counted {
    /// Says that these are all.
    pub fn all(self, count: usize) -> String {
        match self {
            Self::Users => tr_count(count, "{count} user", "{count} users"),
            Self::Devices => tr_count(count, "{count} device", "{count} devices"),
            Self::Events => tr_count(count, "{count} event", "{count} events"),
            Self::Invitations => tr_count(count, "{count} invitation", "{count} invitations"),
            Self::Keys => tr_count(count, "{count} key", "{count} keys"),
            Self::Webhooks => tr_count(count, "{count} webhook", "{count} webhooks"),
            Self::Deliveries => tr_count(count, "{count} delivery", "{count} deliveries"),
        }
    }

    /// Says that there are more.
    pub fn first(self, count: usize) -> String {
        let count = count.to_string();
        let values = [("count", count.as_str())];
        match self {
            Self::Users => tr_with("The first {count} users", &values),
            Self::Devices => tr_with("The first {count} devices", &values),
            Self::Events => tr_with("The first {count} events", &values),
            Self::Invitations => tr_with("The first {count} invitations", &values),
            Self::Keys => tr_with("The first {count} keys", &values),
            Self::Webhooks => tr_with("The first {count} webhooks", &values),
            Self::Deliveries => tr_with("The first {count} deliveries", &values),
        }
    }
}
