//! Operations on keys, as they are sent.

use super::{Fault, OTHERS, failed_to_parse, open_spaced, text, unsigned};
use crate::api::ApiError;
use crate::api::session::parse_holder;
use crate::config::definition::{Fields, Shape, Value, field};
use crate::model::{Key, LockToken, SessionId, quote};
use crate::state::{Condition, KvCommand, TxnOp, TxnRead};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

static KV: Shape = Shape {
    name: "TxnKVOp",
    fields: &[
        &[
            field("Verb", ""),
            field("Key", ""),
            field("Value", ""),
            field("Flags", ""),
            field("Index", ""),
            field("Session", ""),
            field("Token", ""),
        ],
        OTHERS,
    ],
};

/// What is sent, whatever the verb makes of it.
struct Sent {
    key: Key,
    value: Bytes,
    flags: u64,
    index: u64,
    session: String,
    token: String,
}

pub(super) fn operation(value: &Value, most: u64) -> Result<TxnOp, Fault> {
    let fields = open_spaced(value, &KV)?;
    let verb = text(&fields, "Verb")?;
    let sent = read(&fields, most)?;
    let whole_tree = matches!(verb.as_str(), "delete-tree" | "get-tree");
    if sent.key.is_empty() && !whole_tree && verb != "check-token" {
        return Err(Fault::Op("Must provide key".to_owned()));
    }
    of_verb(&verb, sent)
}

fn read(fields: &Fields<'_>, most: u64) -> Result<Sent, Fault> {
    let key = text(fields, "Key")?;
    let value = decode(&text(fields, "Value")?)?;
    let length = value.len() as u64;
    if length > most {
        return Err(ApiError::new(413, format!("Value for key {} is too large ({length} > {most} bytes)", quote(&key))).into());
    }
    Ok(Sent {
        key: Key::from(key.as_str()),
        value: value.into(),
        flags: unsigned(fields, "Flags")?,
        index: unsigned(fields, "Index")?,
        session: text(fields, "Session")?,
        token: text(fields, "Token")?,
    })
}

fn decode(text: &str) -> Result<Vec<u8>, ApiError> {
    use base64::DecodeError::{InvalidByte, InvalidLastSymbol, InvalidLength, InvalidPadding};
    STANDARD.decode(text).map_err(|error| {
        let at = match error {
            InvalidByte(at, _) | InvalidLastSymbol(at, _) => at,
            InvalidLength(_) | InvalidPadding => text.len(),
        };
        failed_to_parse(&format!("illegal base64 data at input byte {at}"))
    })
}

fn of_verb(verb: &str, sent: Sent) -> Result<TxnOp, Fault> {
    let Sent { key, value, flags, index, session, token } = sent;
    Ok(match verb {
        "set" => TxnOp::Kv(KvCommand::Put { key, value, flags, condition: Condition::Always }),
        "cas" => TxnOp::Kv(KvCommand::Put { key, value, flags, condition: Condition::of_write(index) }),
        "lock" => TxnOp::Kv(KvCommand::Lock { key, value, flags, session: session_id(&session)? }),
        "unlock" => TxnOp::Kv(KvCommand::Unlock { key, value, flags, session: session_id(&session)? }),
        "delete" => TxnOp::Kv(KvCommand::Delete { key, condition: Condition::Always }),
        "delete-cas" => TxnOp::Kv(KvCommand::Delete { key, condition: Condition::At(index) }),
        "delete-tree" => TxnOp::Kv(KvCommand::DeleteTree { prefix: key }),
        "get" => TxnOp::Read(TxnRead::Get { key }),
        "get-or-empty" => TxnOp::Read(TxnRead::GetOrEmpty { key }),
        "get-tree" => TxnOp::Read(TxnRead::GetTree { prefix: key }),
        "check-index" => TxnOp::Read(TxnRead::CheckIndex { key, index }),
        "check-session" => TxnOp::Read(TxnRead::CheckSession { key, session }),
        "check-not-exists" => TxnOp::Read(TxnRead::CheckNotExists { key }),
        "check-token" => TxnOp::Read(check_token(&key, &token)?),
        unknown => return Err(Fault::Look(format!("unknown KV verb {}", quote(unknown)))),
    })
}

fn session_id(text: &str) -> Result<SessionId, Fault> {
    parse_holder(text).map_err(Fault::Change)
}

/// A key beside the token must be the one it was given for.
fn check_token(key: &Key, token: &str) -> Result<TxnRead, Fault> {
    let token = LockToken::parse(token).map_err(|error| Fault::Look(error.to_string()))?;
    if !key.is_empty() && *key != token.key {
        let (key, of) = (String::from_utf8_lossy(key), String::from_utf8_lossy(&token.key));
        return Err(Fault::Look(format!("the token is one of key {}, not of {}", quote(&of), quote(&key))));
    }
    Ok(TxnRead::CheckToken { token })
}
