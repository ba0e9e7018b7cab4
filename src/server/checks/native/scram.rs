//! SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding, the client's side.

use super::NativeError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use std::num::NonZeroU32;

/// Most rounds that are computed: some 50 ms. PostgreSQL's own number is 4096.
const MOST_ROUNDS: u32 = 100_000;

/// Our side of one exchange.
pub struct Scram {
    bare: String,
    nonce: String,
}

/// What convinces the server, and what must convince us.
pub struct Proof {
    /// Our last message.
    pub message: String,
    server_key: hmac::Key,
    exchange: String,
}

impl Scram {
    /// An exchange for whom the server knows already; `nonce` is printable and has no comma.
    pub fn new(nonce: String) -> Scram {
        Scram { bare: format!("n=,r={nonce}"), nonce }
    }

    /// Our first message.
    pub fn first(&self) -> String {
        format!("n,,{}", self.bare)
    }

    /// The answer to the server's first message.
    pub fn prove(&self, server_first: &str, password: &str) -> Result<Proof, NativeError> {
        let refused = || NativeError::Unexpected("a challenge of SCRAM", server_first.chars().take(64).collect());
        let field = |name: char| server_first.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        let (nonce, salt, rounds) = (field('r').ok_or_else(refused)?, field('s').ok_or_else(refused)?, field('i').ok_or_else(refused)?);
        let salt = STANDARD.decode(salt).map_err(|_| refused())?;
        let rounds: NonZeroU32 = rounds.parse().map_err(|_| refused())?;
        if !nonce.starts_with(&self.nonce) || rounds.get() > MOST_ROUNDS {
            return Err(refused());
        }
        let mut salted = [0; digest::SHA256_OUTPUT_LEN];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, &salt, password.as_bytes(), &mut salted);
        let client_key = sign(&salted, b"Client Key");
        let bare = format!("c=biws,r={nonce}");
        let exchange = format!("{},{server_first},{bare}", self.bare);
        let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
        let signature = sign(stored_key.as_ref(), exchange.as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, mask)| key ^ mask).collect();
        let server_key = hmac::Key::new(hmac::HMAC_SHA256, sign(&salted, b"Server Key").as_ref());
        Ok(Proof { message: format!("{bare},p={}", STANDARD.encode(proof)), server_key, exchange })
    }
}

impl Proof {
    /// Whether the server's last message shows that it knows the password too.
    pub fn is_answered_by(&self, server_final: &str) -> bool {
        let signature = server_final.strip_prefix("v=").and_then(|signature| STANDARD.decode(signature).ok());
        signature.is_some_and(|signature| hmac::verify(&self.server_key, self.exchange.as_bytes(), &signature).is_ok())
    }
}

fn sign(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

#[cfg(test)]
mod tests {
    use super::Scram;

    /// RFC 7677, section 3, whose user is named.
    #[test]
    fn the_rfcs_example_is_proved_and_answered() {
        let scram = Scram { bare: "n=user,r=rOprNGfwEbeRWgbNEkqO".into(), nonce: "rOprNGfwEbeRWgbNEkqO".into() };
        let challenge = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let proof = scram.prove(challenge, "pencil").expect("a challenge");
        let wanted = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(proof.message, wanted);
        assert!(proof.is_answered_by("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        assert!(!proof.is_answered_by("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=") && !proof.is_answered_by("e=other-error"));
    }

    #[test]
    fn a_challenge_that_is_none_of_ours_or_asks_for_too_much_is_refused() {
        let scram = Scram::new("abc".into());
        for challenge in ["", "r=abcd,s=AAAA", "r=xyz,s=AAAA,i=1", "r=abcd,s=AAAA,i=0", "r=abcd,s=AAAA,i=4000000000", "r=abcd,s=!,i=1"] {
            assert!(scram.prove(challenge, "pencil").is_err(), "{challenge}");
        }
    }
}
