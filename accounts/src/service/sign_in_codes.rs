//! Signs in with a code that was emailed.

use languages::tr_later;

use super::{
    accounts::Accounts, caller::Enrolling, fields::existing_email_address, login::SignedIn,
    process_email_requests::origin, totp::CODE,
};
use crate::{
    clock::Timestamp,
    crypto::{
        email_token::{self, LinkCode, LinkToken},
        password::NO_PASSWORD,
    },
    device::Device,
    email::{
        signed_in_with::SignedInWith,
        template::{Email, EmailTemplate},
    },
    error::Error,
    id::Id,
    store::{
        audit_events::{Event, NewEvent},
        code_sign_ins::CodeSignIn,
        email_requests::{EmailRequest, EmailRequestKind},
        email_tokens::key_of,
        rekey::Rekey,
        sessions::{SignIn, SignInProof},
        sign_in_codes::{CodeCheck, NewSignInCode, SignInCodeAttempt},
        users::User,
    },
    validation::Validator,
};

/// The request that a code belongs to, as it is confirmed.
struct Flow {
    hash: Vec<u8>,
    /// The email address that was entered, in lower case.
    address: String,
}

impl Accounts {
    /// Emails a code to sign in with. Returns the random value that has to be sent with it. Neither the response
    /// nor its time reveals whether there is an account.
    ///
    /// # Errors
    /// A field error for an invalid email address.
    pub async fn request_sign_in_code(
        &self,
        email: Option<&str>,
        caller: Option<&Enrolling>,
        device: &Device,
    ) -> Result<String, Error> {
        let email = existing_email_address("email", email)?;
        let flow = LinkToken::new(self.random());
        let (kind, hash) = (EmailRequestKind::SignInCode, Some(flow.hash()));
        self.request_email_for(kind, hash, &email, caller, device)
            .await?;
        Ok(flow.expose().to_owned())
    }

    /// Signs in with an emailed code, and starts a session on this device. If this is the first proof of the email
    /// address, it ends what someone else may have set up: sessions, the password, the second factor and links.
    ///
    /// # Errors
    /// Field errors for what is missing, and for a code that does not work, for whatever reason.
    pub async fn confirm_sign_in_code(
        &self,
        flow: Option<&str>,
        email: Option<&str>,
        code: Option<&str>,
        device: &Device,
    ) -> Result<SignedIn, Error> {
        let mut validator = Validator::default();
        let flow = validator.required("flow", flow);
        let email = validator.merge(existing_email_address("email", email))?;
        let code = validator.required(CODE, code);
        let (Some(flow), Some(email), Some(code)) = (flow, email, code) else {
            return Err(validator.into_error());
        };
        let flow = Flow {
            hash: email_token::hash(flow),
            address: email.to_lowercase(),
        };
        let result = self.sign_in_by_code(&flow, code, device).await;
        self.metrics().sign_in(&result);
        result
    }

    async fn sign_in_by_code(
        &self,
        flow: &Flow,
        code: &str,
        device: &Device,
    ) -> Result<SignedIn, Error> {
        let masters = &self.0.master_secrets;
        let attempt = SignInCodeAttempt {
            key: &self.sign_in_code_key(&flow.hash),
            flow_hash: &flow.hash,
            address: &flow.address,
            now: self.now(),
        };
        let is_right = |stored: &[u8]| email_token::is_code_of(masters, &flow.hash, stored, code);
        match attempt.make(&self.0.database, is_right).await? {
            CodeCheck::Right(user_id) => self.start_by_code(flow, user_id, device).await,
            CodeCheck::Wrong(user_id) => {
                self.sign_in_code_failed(user_id, device);
                Err(incorrect_code())
            }
            CodeCheck::Unknown => Err(incorrect_code()),
        }
    }

    async fn start_by_code(
        &self,
        flow: &Flow,
        user_id: Id,
        device: &Device,
    ) -> Result<SignedIn, Error> {
        let (session_id, now) = (self.random().id(), self.now());
        let in_session = |event| NewEvent {
            session_id: Some(session_id),
            ..self.event(event, user_id, device)
        };
        let change = CodeSignIn {
            flow_hash: &flow.hash,
            address: &flow.address,
            sign_in: SignIn {
                user_id,
                proof: SignInProof::EmailCode,
                session_id,
                refresh_id: self.random().id(),
                now,
                expires_at: now.plus(self.0.lifetimes.session),
                device,
                trust_hash: None,
                attempt: None,
                event: in_session(Event::SignedIn),
                pending_event: self.event(Event::SignInPending, user_id, device),
            },
            first_proof: Rekey {
                password_hash: Some(NO_PASSWORD.to_owned()),
                removes_second_factor: true,
                verifies_email: true,
                ..self.new_rekey(self.event(Event::AddressConfirmed, user_id, device))
            },
            used: in_session(Event::SignInCodeUsed),
        };
        let with = SignedInWith::Code;
        let notice = self
            .new_device_notice(user_id, session_id, with, device)
            .await?;
        let started = change.make(&self.0.database).await;
        // Also after an error: the commit may have succeeded although its response was lost.
        self.invalidate(user_id);
        let started = started?.ok_or_else(incorrect_code)?;
        self.announce_new_device(notice).await;
        Ok(SignedIn {
            tokens: self.token_pair(&started.user, &started.session, now)?,
            device_tokens: self.device_tokens(started.owner, device),
        })
    }

    /// Creates the code that a request asks for, and its email. Returns `None` if the request lacks what the code is
    /// bound to.
    pub(super) fn sign_in_code(
        &self,
        user: &User,
        request: &EmailRequest,
        now: Timestamp,
    ) -> Result<Option<NewSignInCode>, Error> {
        let Some(flow_hash) = request.flow_hash.clone() else {
            return Ok(None);
        };
        let code = LinkCode::new(self.random());
        let code_hash = code.hash(&self.0.master_secrets, &flow_hash);
        let is_first_proof = !user.email_verified;
        let email = Email {
            code: Some(code),
            origin: origin(request),
            ..Email::new(&user.email, EmailTemplate::SignInCode { is_first_proof })
        };
        Ok(Some(NewSignInCode {
            user_id: user.id,
            flow_hash,
            code_hash,
            address: key_of(&user.email),
            message: self.queued_email(Some(user.id), &email, now)?,
            now,
        }))
    }
}

/// The error for a code that does not work. It does not say why.
fn incorrect_code() -> Error {
    Error::field(
        CODE,
        tr_later("Incorrect code, or it no longer works. Request a new one."),
    )
}
