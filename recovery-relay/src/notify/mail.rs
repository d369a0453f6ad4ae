//! Mail, through a server that the operator named.

use super::NotTold;
use super::texts::Notice;
use crate::config::StartError;
use lettre::address::AddressError;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// For each step of the conversation.
const PATIENCE: Duration = Duration::from_secs(15);

/// A server that takes mail, and what is said to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Smtp {
    /// Its host.
    pub host: String,
    /// Its port; without one 465 or 587, and 25 on this machine.
    pub port: Option<u16>,
    /// TLS from the first octet on; otherwise it begins with STARTTLS, and only a server on this machine needs none.
    pub implicit_tls: bool,
    /// User and password.
    pub login: Option<(String, String)>,
    /// Who the mail is from.
    pub from: String,
}

/// Passwords are not shown.
impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Smtp({}, {:?})", self.host, self.port)
    }
}

impl Smtp {
    /// Whether it runs on this machine.
    fn is_near(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// The way to the server.
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// # Errors
    /// [`StartError`] if the sender is no mail address or the system has no certificates.
    pub(super) fn new(smtp: &Smtp) -> Result<Self, StartError> {
        let no_sender = |error: AddressError| StartError::Notices(format!("mail_from: {error}"));
        let from: Mailbox = smtp.from.parse().map_err(no_sender)?;
        type Way = AsyncSmtpTransport<Tokio1Executor>;
        let builder = match (smtp.implicit_tls, smtp.is_near()) {
            (true, _) => Way::relay(&smtp.host),
            (false, true) => Ok(Way::builder_dangerous(&smtp.host)),
            (false, false) => Way::starttls_relay(&smtp.host),
        };
        let mut builder = builder.map_err(|error| StartError::Notices(error.to_string()))?;
        if let Some(port) = smtp.port {
            builder = builder.port(port);
        }
        if let Some((user, password)) = smtp.login.clone() {
            builder = builder.credentials(Credentials::new(user, password));
        }
        // The name of this machine is nobody's business.
        let hello = ClientId::Domain(from.email.domain().to_owned());
        let transport = builder.timeout(Some(PATIENCE)).hello_name(hello).build();
        Ok(Self { transport, from })
    }

    pub(super) async fn send(&self, to: &str, notice: &Notice) -> Result<(), NotTold> {
        let to = to.parse().map_err(|_| NotTold::Unreachable("the address is not one"))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(notice.title())
            .header(ContentType::TEXT_PLAIN)
            .body(notice.text())
            .map_err(|_| NotTold::Unreachable("the mail can't be written"))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error
                .status()
                .map_or(NotTold::Unreachable("the mail server can't be reached"), |status| {
                    NotTold::Answered(u16::from(status))
                })),
        }
    }

    /// Whether the server can be reached and takes the login.
    pub(super) async fn test(&self) -> bool {
        self.transport.test_connection().await.unwrap_or(false)
    }
}
