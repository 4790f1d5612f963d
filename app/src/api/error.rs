//! The one shape in which every failure of the API is told.

use std::{borrow::Cow, collections::BTreeMap, fmt, time::Duration};

use http::StatusCode;
use serde::{Deserialize, Serialize};
use server_fn::{
    Bytes, ContentType, Decodes, Encodes, Format, FormatType,
    error::{FromServerFnError, ServerFnErrorErr},
};

/// The name of a request field.
pub type Field = Cow<'static, str>;

/// What is wrong with which field: one or more sentences each.
pub type FieldErrors = BTreeMap<Field, Vec<Cow<'static, str>>>;

/// A failed request, as it stands in the response's body: one sentence with a code, or messages
/// by field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ApiError {
    /// The request as a whole failed.
    Detail {
        /// A sentence for a person.
        detail: Cow<'static, str>,
        /// The same for a program.
        code: Code,
        /// When to try again, in seconds: the header `Retry-After`.
        #[serde(skip)]
        retry_after: Option<u64>,
    },
    /// Single fields are at fault; always status 400.
    Fields(FieldErrors),
}

/// The machine-readable reason of an [`ApiError::Detail`]; it decides the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// 400: the body can't be parsed.
    MalformedRequest,
    /// 401: no credentials where they are needed.
    NotAuthenticated,
    /// 401: a token with a good signature whose time is over.
    TokenExpired,
    /// 401: any other token that is not accepted.
    TokenInvalid,
    /// 401: wrong email or password.
    InvalidCredentials,
    /// 403: the right password of an account that is not active.
    InactiveAccount,
    /// 403: the account has a second factor, and this token has not passed it.
    OtpRequired,
    /// 403: signed in, but not allowed.
    PermissionDenied,
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 408: the client took too long to send its request.
    RequestTimeout,
    /// 413.
    RequestTooLarge,
    /// 415.
    UnsupportedMediaType,
    /// 429: too many attempts, with `Retry-After`.
    Throttled,
    /// 500: never says why; the log does.
    InternalError,
    /// 503: too much to do just now, or the database is away.
    Overloaded,
    /// Not a code of the API: the browser could not reach the server.
    #[serde(skip_serializing)]
    Unreachable,
    /// Not a code of the API: an answer that this version of the browser app does not know.
    #[serde(other, skip_serializing)]
    Unknown,
}

impl Code {
    /// The HTTP status that goes with this code.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::MalformedRequest => StatusCode::BAD_REQUEST,
            Self::NotAuthenticated
            | Self::TokenExpired
            | Self::TokenInvalid
            | Self::InvalidCredentials => StatusCode::UNAUTHORIZED,
            Self::InactiveAccount | Self::OtpRequired | Self::PermissionDenied => {
                StatusCode::FORBIDDEN
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Throttled => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::InternalError | Self::Unreachable | Self::Unknown => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// The sentence that goes with this code.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::MalformedRequest => "The request body could not be parsed.",
            Self::NotAuthenticated => "Authentication credentials were not provided.",
            Self::TokenExpired => "The token has expired.",
            Self::TokenInvalid => "The token is not valid.",
            Self::InvalidCredentials => "Incorrect email or password.",
            Self::InactiveAccount => "This account is not active.",
            Self::OtpRequired => "Two-factor authentication is required.",
            Self::PermissionDenied => "You are not allowed to do this.",
            Self::NotFound => "Not found.",
            Self::MethodNotAllowed => "This method is not allowed here.",
            Self::RequestTimeout => "The request took too long to arrive.",
            Self::RequestTooLarge => "The request body is larger than 16 KiB.",
            Self::UnsupportedMediaType => {
                "Send application/json or application/x-www-form-urlencoded."
            }
            Self::Throttled => "Too many attempts. Try again later.",
            Self::InternalError => "Something went wrong on our side.",
            Self::Overloaded => "The server is busy. Try again in a moment.",
            Self::Unreachable => "The server can't be reached. Try again in a moment.",
            Self::Unknown => "The server gave an answer that this page does not understand.",
        }
    }
}

impl ApiError {
    /// One field with one message.
    pub fn field(name: impl Into<Field>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Fields(BTreeMap::from([(name.into(), vec![message.into()])]))
    }

    /// A code with a sentence that says more than its own.
    pub fn detail(code: Code, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::Detail {
            detail: sentence.into(),
            code,
            retry_after: None,
        }
    }

    /// Too many attempts; says when to try again, roughly to a person and in seconds to a program.
    #[must_use]
    pub fn throttled(wait: Duration) -> Self {
        let seconds = u64::try_from(wait.as_nanos().div_ceil(1_000_000_000)).unwrap_or(u64::MAX);
        let detail = match (seconds, seconds.div_ceil(60)) {
            (..=10, _) => "Too many attempts. Try again in a few seconds.".into(),
            (_, 1) => "Too many attempts. Try again in a minute.".into(),
            (_, minutes) => format!("Too many attempts. Try again in {minutes} minutes.").into(),
        };
        Self::Detail {
            detail,
            code: Code::Throttled,
            retry_after: Some(seconds.max(1)),
        }
    }

    /// The HTTP status of the response that carries this error.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Detail { code, .. } => code.status(),
            Self::Fields(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// The code, where the request failed as a whole.
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
            retry_after: (code == Code::Overloaded).then_some(1),
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

/// The encoding of [`ApiError`]: JSON.
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
