//! What went wrong in a handshake, in the words of Go's `crypto/tls` and `crypto/x509` where they have them.

use crate::server::checks::dial;
use rustls::CertificateError;
use std::fmt;
use std::io;

/// Why a handshake failed.
pub fn handshake_text(cause: &io::Error) -> String {
    let Some(refused) = cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return match cause.kind() {
            io::ErrorKind::UnexpectedEof => "EOF".to_owned(),
            _ => dial::os_text(cause),
        };
    };
    match refused {
        rustls::Error::InvalidMessage(_) => "tls: first record does not look like a TLS handshake".to_owned(),
        rustls::Error::AlertReceived(alert) => format!("remote error: tls: {}", words(alert)),
        rustls::Error::InvalidCertificate(fault) => certificate_text(fault),
        rustls::Error::PeerIncompatible(fault) => format!("tls: nothing was found to agree on with the server: {}", words(fault)),
        rustls::Error::PeerMisbehaved(fault) => format!("tls: the server breaks the protocol: {}", words(fault)),
        rustls::Error::InappropriateMessage { .. } | rustls::Error::InappropriateHandshakeMessage { .. } => {
            "tls: received unexpected handshake message".to_owned()
        }
        other => format!("tls: {other}"),
    }
}

/// What webpki calls the certificate of an authority that is shown as a server's.
pub const AUTHORITY: &str = "CaUsedAsEndEntity";

fn certificate_text(fault: &CertificateError) -> String {
    match fault {
        CertificateError::UnknownIssuer => "x509: certificate signed by unknown authority".to_owned(),
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => "x509: certificate has expired or is not yet valid".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } if presented.is_empty() => {
            format!("x509: certificate is not valid for any names, but wanted to match {}", expected.to_str())
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<&str> = presented.iter().map(|name| plain(name)).collect();
            format!("x509: certificate is valid for {}, not {}", names.join(", "), expected.to_str())
        }
        CertificateError::BadEncoding => "x509: malformed certificate".to_owned(),
        CertificateError::Revoked => "x509: certificate has been revoked".to_owned(),
        CertificateError::BadSignature => "x509: certificate is not signed by the authority that it names".to_owned(),
        CertificateError::UnhandledCriticalExtension => "x509: unhandled critical extension".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "x509: certificate specifies an incompatible key usage".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "x509: cannot verify signature: algorithm unimplemented".to_owned()
        }
        CertificateError::Other(fault) if fault.0.to_string() == AUTHORITY => {
            "x509: the certificate is that of an authority, not of a server".to_owned()
        }
        CertificateError::Other(fault) => format!("x509: the certificate is not good: {}", words(&fault.0)),
        other => format!("x509: the certificate is not good: {}", words(other)),
    }
}

/// A name in a certificate, which webpki writes as `DnsName("web.test")`.
fn plain(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

/// The name that something has in the code, as words: `CertificateUnknown` is `certificate unknown`.
fn words(name: &impl fmt::Debug) -> String {
    let mut text = String::new();
    for letter in format!("{name:?}").chars().take_while(char::is_ascii_alphanumeric) {
        if letter.is_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{certificate_text, handshake_text};
    use rustls::{CertificateError, OtherError};
    use std::sync::Arc;

    #[test]
    fn no_fault_is_told_in_the_words_of_the_code() {
        let fault = |text: &'static str| CertificateError::Other(OtherError(Arc::new(std::io::Error::other(text))));
        assert_eq!(certificate_text(&fault("CaUsedAsEndEntity")), "x509: the certificate is that of an authority, not of a server");
        let told = certificate_text(&CertificateError::ApplicationVerificationFailure);
        assert_eq!(told, "x509: the certificate is not good: application verification failure");
        assert_eq!(certificate_text(&CertificateError::BadEncoding), "x509: malformed certificate");
        let expected = rustls::pki_types::ServerName::try_from("web.test").unwrap();
        let none = CertificateError::NotValidForNameContext { expected, presented: Vec::new() };
        assert_eq!(certificate_text(&none), "x509: certificate is not valid for any names, but wanted to match web.test");
        let handshake = |error: rustls::Error| handshake_text(&std::io::Error::other(error));
        let told = handshake(rustls::PeerIncompatible::NoCipherSuitesInCommon.into());
        assert_eq!(told, "tls: nothing was found to agree on with the server: no cipher suites in common");
        assert_eq!(
            handshake(rustls::Error::AlertReceived(rustls::AlertDescription::HandshakeFailure)),
            "remote error: tls: handshake failure"
        );
    }
}
