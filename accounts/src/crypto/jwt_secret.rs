//! The secret in a user's row that the keys of the user's tokens depend on.

use std::{borrow::Cow, fmt};

use sqlx::{
    Decode, Encode, Postgres, Sqlite, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef},
    sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef},
};
use uuid::Uuid;

use crate::random::Random;

/// The random part of a user's token keys. Replacing it signs the user out everywhere.
///
/// The server writes a UUID in lower case. SQLite accepts any other text that an administrator
/// writes by hand; each spelling is a different secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum JwtSecret {
    Uuid(Uuid),
    Text(Box<str>),
}

impl JwtSecret {
    /// Creates a random secret.
    pub fn new(random: &dyn Random) -> Self {
        Self::from_text(&random.id().to_string())
    }

    /// The secret with this spelling.
    pub fn from_text(text: &str) -> Self {
        match Uuid::parse_str(text) {
            Ok(uuid) if uuid.to_string() == text => Self::Uuid(uuid),
            _ => Self::Text(text.into()),
        }
    }

    /// The text that keys are derived from.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Uuid(uuid) => uuid.to_string().into(),
            Self::Text(text) => (&**text).into(),
        }
    }
}

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret(…)")
    }
}

impl Type<Sqlite> for JwtSecret {
    fn type_info() -> SqliteTypeInfo {
        <str as Type<Sqlite>>::type_info()
    }

    // A SQLite column holds any type: a value written by hand may be a number or a blob.
    fn compatible(_: &SqliteTypeInfo) -> bool {
        true
    }
}

impl Encode<'_, Sqlite> for JwtSecret {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(self.text().into_owned(), buffer)
    }
}

impl Decode<'_, Sqlite> for JwtSecret {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        let bytes = <&[u8] as Decode<Sqlite>>::decode(value)?;
        Ok(Self::from_text(&String::from_utf8_lossy(bytes)))
    }
}

impl Type<Postgres> for JwtSecret {
    fn type_info() -> PgTypeInfo {
        <Uuid as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for JwtSecret {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let uuid = match self {
            Self::Uuid(uuid) => *uuid,
            Self::Text(text) => Uuid::parse_str(text)?,
        };
        Encode::<Postgres>::encode(uuid, buffer)
    }
}

impl Decode<'_, Postgres> for JwtSecret {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        <Uuid as Decode<Postgres>>::decode(value).map(Self::Uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_is_kept() {
        let lower = "5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32";
        assert!(matches!(JwtSecret::from_text(lower), JwtSecret::Uuid(_)));
        for text in [
            lower.to_owned(),
            lower.to_uppercase(),
            lower.replace('-', ""),
            format!("{{{lower}}}"),
        ] {
            assert_eq!(JwtSecret::from_text(&text).text(), text);
        }
    }

    #[test]
    fn debug_output_hides_the_secret() {
        let shown = format!("{:?}", JwtSecret::from_text("hidden"));
        assert_eq!(shown, "JwtSecret(…)");
    }
}
