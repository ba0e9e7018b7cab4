//! How long a request's body may be.

use super::ApiError;

/// The bound of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimit {
    /// The longest, in bytes.
    pub bytes: u64,
    /// Where to read how to have it greater; `None` if it is fixed.
    setting: Option<&'static str>,
}

impl BodyLimit {
    /// A bound that no setting changes.
    pub const fn fixed(bytes: u64) -> BodyLimit {
        BodyLimit { bytes, setting: None }
    }

    /// The bound of a value of the KV store, `limits.kv_max_value_size`.
    pub const fn of_value(bytes: u64) -> BodyLimit {
        BodyLimit { bytes, setting: Some("https://www.consul.io/docs/agent/options.html#kv_max_value_size") }
    }

    /// The bound of a transaction, `limits.txn_max_req_len`.
    pub const fn of_txn(bytes: u64) -> BodyLimit {
        BodyLimit { bytes, setting: Some("https://www.consul.io/docs/agent/options.html#txn_max_req_len") }
    }

    /// The refusal of a body of `length` bytes.
    pub fn refusal(self, length: u64) -> ApiError {
        let see = self.setting.map(|page| format!(" See {page}.")).unwrap_or_default();
        ApiError::new(413, format!("Request body({length} bytes) too large, max size: {} bytes.{see}", self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::BodyLimit;

    #[test]
    fn a_refusal_names_the_setting_that_bounds_the_body_and_no_other() {
        let text = |limit: BodyLimit| limit.refusal(9).text.into_owned();
        assert_eq!(text(BodyLimit::fixed(8)), "Request body(9 bytes) too large, max size: 8 bytes.");
        let page = "https://www.consul.io/docs/agent/options.html#kv_max_value_size";
        assert_eq!(text(BodyLimit::of_value(8)), format!("Request body(9 bytes) too large, max size: 8 bytes. See {page}."));
    }
}
