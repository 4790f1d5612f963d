//! The error responses of the API, which all have the same shape.

use std::{borrow::Cow, collections::BTreeMap, fmt, time::Duration};

use http::StatusCode;
use languages::{tr, tr_with};
use serde::{Deserialize, Serialize};
use server_fn::{
    Bytes, ContentType, Decodes, Encodes, Format, FormatType,
    error::{FromServerFnError, ServerFnErrorErr},
};

/// The name of a request field.
pub type Field = Cow<'static, str>;

/// One or more messages for each invalid field.
pub type FieldErrors = BTreeMap<Field, Vec<Cow<'static, str>>>;

/// The body of an error response: either one sentence with a code, or messages by field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ApiError {
    /// The request failed as a whole.
    Detail {
        /// A sentence for users.
        detail: Cow<'static, str>,
        /// The same for programs.
        code: Code,
        /// The value of the header `Retry-After`, in seconds.
        #[serde(skip)]
        retry_after: Option<u64>,
    },
    /// Fields are invalid. The status is always 400.
    Fields(FieldErrors),
}

/// The machine-readable reason of an [`ApiError::Detail`], which determines the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// 400: the body can't be parsed.
    MalformedRequest,
    /// 401: credentials are required and absent.
    NotAuthenticated,
    /// 401: a token with a valid signature has expired.
    TokenExpired,
    /// 401: a token is invalid in any other way.
    TokenInvalid,
    /// 401: wrong email or password.
    InvalidCredentials,
    /// 401: a service key is unknown, expired or revoked.
    KeyInvalid,
    /// 403: the password is correct, but the account is not active.
    InactiveAccount,
    /// 403: the account has a second factor, which this token has not completed.
    OtpRequired,
    /// 403: the user must set up a second factor first.
    SecondFactorSetupRequired,
    /// 403: this needs a verified email address first.
    EmailUnverified,
    /// 403: authenticated, but not allowed.
    PermissionDenied,
    /// 403: this needs a sign-in within the last 15 minutes.
    ReauthenticationRequired,
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 408: the client took too long to send its request.
    RequestTimeout,
    /// 409: the change contradicts the present state.
    Conflict,
    /// 413.
    RequestTooLarge,
    /// 415.
    UnsupportedMediaType,
    /// 429: too many attempts, with `Retry-After`.
    Throttled,
    /// 500: the reason is in the log only.
    InternalError,
    /// 503: the server has too much to do, with `Retry-After`.
    Overloaded,
    /// 503: the database can't be reached or written, with `Retry-After`.
    Unavailable,
    /// Not part of the API: the browser could not reach the server.
    #[serde(skip_serializing)]
    Unreachable,
    /// Not part of the API: the browser does not store the session.
    #[serde(skip_serializing)]
    StorageBlocked,
    /// Not part of the API: a response that this version of the browser app does not understand.
    #[serde(other, skip_serializing)]
    Unknown,
}

impl Code {
    /// Returns the HTTP status of this code.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::MalformedRequest => StatusCode::BAD_REQUEST,
            Self::NotAuthenticated
            | Self::TokenExpired
            | Self::TokenInvalid
            | Self::InvalidCredentials
            | Self::KeyInvalid => StatusCode::UNAUTHORIZED,
            Self::InactiveAccount
            | Self::OtpRequired
            | Self::SecondFactorSetupRequired
            | Self::EmailUnverified
            | Self::PermissionDenied
            | Self::ReauthenticationRequired => StatusCode::FORBIDDEN,
            Self::Conflict => StatusCode::CONFLICT,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Throttled => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::InternalError | Self::Unreachable | Self::StorageBlocked | Self::Unknown => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// Returns the sentence of this code, in the current language.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::MalformedRequest => tr("The request body could not be parsed."),
            Self::NotAuthenticated => tr("Authentication credentials were not provided."),
            Self::TokenExpired => tr("The token has expired."),
            Self::TokenInvalid => tr("The token is not valid."),
            Self::InvalidCredentials => tr("Incorrect email or password."),
            Self::KeyInvalid => tr("The service key is not valid."),
            Self::InactiveAccount => tr("This account is not active."),
            Self::OtpRequired => tr("Two-factor authentication is required."),
            Self::SecondFactorSetupRequired => tr("Turn on two-factor authentication first."),
            Self::EmailUnverified => tr("Confirm your email address first."),
            Self::PermissionDenied => tr("You are not allowed to do this."),
            Self::ReauthenticationRequired => tr("Confirm that it's you first."),
            Self::Conflict => tr("This is no longer possible."),
            Self::NotFound => tr("Not found."),
            Self::MethodNotAllowed => tr("This method is not allowed here."),
            Self::RequestTimeout => tr("The request took too long to arrive."),
            Self::RequestTooLarge => tr("The request body is larger than 16 KiB."),
            Self::UnsupportedMediaType => {
                tr("Send application/json or application/x-www-form-urlencoded.")
            }
            Self::Throttled => tr("Too many attempts. Try again later."),
            Self::InternalError => tr("Something went wrong on our side."),
            Self::Overloaded => tr("The server is busy. Try again in a moment."),
            Self::Unavailable => tr("This is not possible right now. Try again in a moment."),
            Self::StorageBlocked => tr("This browser does not store the session."),
            Self::Unreachable => tr("The server can't be reached. Try again in a moment."),
            Self::Unknown => tr("The server sent a response that this page doesn't understand."),
        }
    }
}

impl ApiError {
    /// Creates an error with one message for one field.
    pub fn field(name: impl Into<Field>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Fields(BTreeMap::from([(name.into(), vec![message.into()])]))
    }

    /// Creates an error with a more specific sentence than that of its code.
    pub fn detail(code: Code, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::Detail {
            detail: sentence.into(),
            code,
            retry_after: None,
        }
    }

    /// Creates an error for too many attempts. It names the time to wait, rounded for users and in
    /// seconds for programs.
    #[must_use]
    pub fn throttled(wait: Duration) -> Self {
        let seconds = u64::try_from(wait.as_nanos().div_ceil(1_000_000_000)).unwrap_or(u64::MAX);
        let detail = match (seconds, seconds.div_ceil(60)) {
            (..=10, _) => tr("Too many attempts. Try again in a few seconds.").into(),
            (_, 1) => tr("Too many attempts. Try again in a minute.").into(),
            (_, minutes) => tr_with(
                "Too many attempts. Try again in {minutes} minutes.",
                &[("minutes", &minutes.to_string())],
            )
            .into(),
        };
        Self::Detail {
            detail,
            code: Code::Throttled,
            retry_after: Some(seconds.max(1)),
        }
    }

    /// Returns the HTTP status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Detail { code, .. } => code.status(),
            Self::Fields(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// Returns whether the request may have been carried out nevertheless: there was no response, or
    /// one from something in between.
    #[must_use]
    pub fn is_unclear(&self) -> bool {
        matches!(
            self.code(),
            Some(
                Code::Unreachable
                    | Code::Unknown
                    | Code::InternalError
                    | Code::Overloaded
                    | Code::Unavailable
            )
        )
    }

    /// Returns the code, unless fields are invalid.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Detail { code, .. } => Some(*code),
            Self::Fields(_) => None,
        }
    }
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        Self::Detail {
            detail: code.sentence().into(),
            code,
            retry_after: matches!(code, Code::Overloaded | Code::Unavailable).then_some(1),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Detail { detail, .. } => f.write_str(detail),
            Self::Fields(fields) => {
                let mut sentences = fields.values().flatten();
                if let Some(first) = sentences.next() {
                    f.write_str(first)?;
                }
                sentences.try_for_each(|sentence| write!(f, " {sentence}"))
            }
        }
    }
}

impl std::error::Error for ApiError {}

/// The encoding of [`ApiError`] in server functions: JSON.
pub struct ErrorBody;

impl ContentType for ErrorBody {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for ErrorBody {
    const FORMAT_TYPE: Format = Format::Text;
}

impl Encodes<ApiError> for ErrorBody {
    type Error = serde_json::Error;

    fn encode(error: &ApiError) -> Result<Bytes, Self::Error> {
        serde_json::to_vec(error).map(Bytes::from)
    }
}

impl Decodes<ApiError> for ErrorBody {
    type Error = serde_json::Error;

    fn decode(bytes: Bytes) -> Result<ApiError, Self::Error> {
        serde_json::from_slice(&bytes)
    }
}

impl FromServerFnError for ApiError {
    type Encoder = ErrorBody;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) => Code::Unreachable,
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => Code::MalformedRequest,
            ServerFnErrorErr::Deserialization(_) => Code::Unknown,
            _ => Code::InternalError,
        }
        .into()
    }
}

#[cfg(feature = "ssr")]
impl From<accounts::Error> for ApiError {
    fn from(error: accounts::Error) -> Self {
        use accounts::Error;
        match error {
            Error::Fields(fields) => Self::Fields(
                fields
                    .into_iter()
                    .map(|(field, messages)| {
                        let messages = messages.into_iter().map(translated).collect();
                        (field.into(), messages)
                    })
                    .collect(),
            ),
            Error::TokenExpired => Code::TokenExpired.into(),
            Error::TokenInvalid => Code::TokenInvalid.into(),
            Error::InvalidCredentials => Code::InvalidCredentials.into(),
            Error::InactiveAccount => Code::InactiveAccount.into(),
            Error::OtpRequired => Code::OtpRequired.into(),
            Error::SecondFactorSetupRequired => Code::SecondFactorSetupRequired.into(),
            Error::EmailUnverified => Code::EmailUnverified.into(),
            Error::KeyInvalid => Code::KeyInvalid.into(),
            Error::PermissionDenied => Code::PermissionDenied.into(),
            Error::NotPossible(sentence) => Self::detail(Code::PermissionDenied, tr(sentence)),
            Error::ReauthenticationRequired => Code::ReauthenticationRequired.into(),
            Error::Conflict(sentence) => Self::detail(Code::Conflict, tr(sentence)),
            Error::Throttled(time) => Self::throttled(time),
            Error::NotFound => Code::NotFound.into(),
            Error::Overloaded => Code::Overloaded.into(),
            // The span of the request names the route.
            error @ Error::Unavailable { .. } => {
                tracing::error!(error = with_sources(&error), "database unavailable");
                Code::Unavailable.into()
            }
            error @ Error::Internal { .. } => {
                tracing::error!(error = with_sources(&error), "internal error");
                Code::InternalError.into()
            }
        }
    }
}

/// Translates a message of the domain. One with values in it can't be.
#[cfg(feature = "ssr")]
fn translated(message: Cow<'static, str>) -> Cow<'static, str> {
    match message {
        Cow::Borrowed(text) => tr(text).into(),
        owned @ Cow::Owned(_) => owned,
    }
}

/// Returns the text of an error, followed by those of its sources that it does not contain.
#[cfg(feature = "ssr")]
fn with_sources(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |source| source.source());
    sources.fold(error.to_string(), |text, source| {
        let source = source.to_string();
        if text.contains(&source) {
            text
        } else {
            format!("{text}: {source}")
        }
    })
}
