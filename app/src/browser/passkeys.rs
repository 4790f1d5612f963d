//! Passkeys in the browser (Web Authentication, Level 3).

use std::cell::RefCell;

use js_sys::{Function, JSON, Object, Promise, Reflect};
use languages::tr;
use serde_json::Value;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortController;

use crate::api::{ApiError, Code};

thread_local! {
    /// Ends the request to the browser that still waits. There can be one at a time.
    static WAITING: RefCell<Option<AbortController>> = const { RefCell::new(None) };
}

/// Whether a request waits until the user picks a passkey from what the email field suggests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mediation {
    /// The browser asks at once.
    Dialog,
    /// The browser suggests passkeys in fields with `autocomplete="… webauthn"`.
    Suggestions,
}

/// Returns whether this browser can use passkeys. It offers them in secure contexts only (HTTPS and
/// localhost).
#[must_use]
pub fn are_supported() -> bool {
    method("parseRequestOptionsFromJSON").is_some() && container().is_some()
}

/// Returns whether this browser can suggest passkeys in a field.
pub(super) async fn can_be_suggested() -> bool {
    let Some(available) = call("isConditionalMediationAvailable", &[]) else {
        return false;
    };
    JsFuture::from(Promise::resolve(&available))
        .await
        .is_ok_and(|is_available| is_available.is_truthy())
}

/// Creates a passkey.
///
/// # Errors
/// Says why there is none: the user did not want to, the device has one already, or the browser can't.
pub async fn create(options: &Value) -> Result<Value, ApiError> {
    let options = parse("parseCreationOptionsFromJSON", options).ok_or_else(unsupported)?;
    let request = request(&options, None).ok_or_else(unsupported)?;
    ask("create", &request).await.map_err(|error| {
        let text = match name(&error).as_deref() {
            Some("InvalidStateError") => tr("This device already has a passkey for your account."),
            Some("NotAllowedError" | "AbortError") => tr("No passkey was added. Try again."),
            Some("SecurityError") => tr("Passkeys can't be used at this address."),
            _ => return unsupported(),
        };
        ApiError::detail(Code::Unknown, text)
    })
}

/// Asks for one of this site's passkeys at once.
///
/// # Errors
/// As [`get`].
pub async fn ask_for_one(options: &Value) -> Result<Value, ApiError> {
    get(options, Mediation::Dialog)
        .await?
        .ok_or_else(unsupported)
}

/// Asks for one of this site's passkeys, and lets the authenticator sign the challenge. Returns `None` if the
/// request for a suggested one has ended without.
///
/// # Errors
/// Says why there is none: the user did not want to, or the browser can't.
pub(super) async fn get(options: &Value, mediation: Mediation) -> Result<Option<Value>, ApiError> {
    let options = parse("parseRequestOptionsFromJSON", options).ok_or_else(unsupported)?;
    let request = request(&options, Some(mediation)).ok_or_else(unsupported)?;
    match ask("get", &request).await {
        Ok(credential) => Ok(Some(credential)),
        Err(_) if mediation == Mediation::Suggestions => Ok(None),
        Err(error) => Err(match name(&error).as_deref() {
            Some("NotAllowedError" | "AbortError") => ApiError::detail(
                Code::Unknown,
                tr("No passkey was used. Try again, or sign in another way."),
            ),
            Some("SecurityError") => {
                ApiError::detail(Code::Unknown, tr("Passkeys can't be used at this address."))
            }
            _ => unsupported(),
        }),
    }
}

/// Ends the request that still waits, if any.
pub fn stop_waiting() {
    if let Some(controller) = WAITING.take() {
        controller.abort();
    }
}

/// Calls a method of `navigator.credentials`, and returns the credential as JSON.
async fn ask(method: &str, request: &JsValue) -> Result<Value, JsValue> {
    let container = container().ok_or(JsValue::UNDEFINED)?;
    let method: Function = Reflect::get(&container, &method.into())?.dyn_into()?;
    let promise: Promise = method.call1(&container, request)?.dyn_into()?;
    let credential = JsFuture::from(promise).await?;
    let to_json: Function = Reflect::get(&credential, &"toJSON".into())?.dyn_into()?;
    let json = JSON::stringify(&to_json.call0(&credential)?)?;
    serde_json::from_str(&String::from(json)).map_err(|_| JsValue::UNDEFINED)
}

/// Makes the argument of a method of `navigator.credentials`, which ends an earlier request.
fn request(options: &JsValue, mediation: Option<Mediation>) -> Option<JsValue> {
    stop_waiting();
    let controller = AbortController::new().ok()?;
    let request = Object::new();
    let set = |name: &str, value: &JsValue| Reflect::set(&request, &name.into(), value).ok();
    set("publicKey", options)?;
    set("signal", &controller.signal())?;
    if mediation == Some(Mediation::Suggestions) {
        set("mediation", &"conditional".into())?;
    }
    WAITING.set(Some(controller));
    Some(request.into())
}

fn parse(method: &str, options: &Value) -> Option<JsValue> {
    call(method, &[JSON::parse(&options.to_string()).ok()?])
}

/// Calls a static method of `PublicKeyCredential`. web-sys has them among its unstable APIs, which need a
/// compiler flag in every build.
fn call(name: &str, arguments: &[JsValue]) -> Option<JsValue> {
    let (class, method) = method(name)?;
    method.apply(&class, &arguments.iter().collect()).ok()
}

fn method(name: &str) -> Option<(JsValue, Function)> {
    let class = Reflect::get(&js_sys::global(), &"PublicKeyCredential".into()).ok()?;
    let method = Reflect::get(&class, &name.into()).ok()?.dyn_into().ok()?;
    Some((class, method))
}

fn container() -> Option<JsValue> {
    let navigator = web_sys::window()?.navigator();
    let container = Reflect::get(&navigator, &"credentials".into()).ok()?;
    container.is_object().then_some(container)
}

/// The name of a `DOMException`.
fn name(error: &JsValue) -> Option<String> {
    Reflect::get(error, &"name".into()).ok()?.as_string()
}

fn unsupported() -> ApiError {
    ApiError::detail(
        Code::Unknown,
        tr("This browser can't use passkeys on this site."),
    )
}
