//! The sequential specification: one key with versions, compare-and-set on a version, and deletes.
//!
//! A version is an opaque token here (Consul's `ModifyIndex`), compared for equality only; 0 stands for "not known". Writers are not told
//! the version they made, so it is learned from whoever reads it. What is not known is never held against anyone.

/// What an operation does to the key, or what it proves about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Writes `value`, making `version`.
    Put {
        /// Interned, from 1.
        value: u32,
        /// 0 if not known.
        version: u64,
    },
    /// Writes `value` over `expect` (0: over no entry).
    Cas {
        /// The version it was conditional on.
        expect: u64,
        /// Interned, from 1.
        value: u32,
        /// 0 if not known.
        version: u64,
    },
    /// Was refused: the version was not `expect`.
    CasRefused {
        /// The version it was conditional on.
        expect: u64,
    },
    /// Removes the entry, if there is one.
    Delete,
    /// Removes the entry if its version is `expect`; done as well if there is none.
    DeleteCas {
        /// The version it was conditional on.
        expect: u64,
    },
    /// Was refused: there was an entry of another version.
    DeleteCasRefused {
        /// The version it was conditional on.
        expect: u64,
    },
    /// Saw `value`.
    Read {
        /// Interned, from 1.
        value: u32,
        /// 0 if not told.
        version: u64,
    },
    /// Saw that there is no entry.
    ReadAbsent,
}

/// Whether an operation has to find its place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It was answered.
    Required,
    /// It was not: it may be left out.
    Optional,
}

/// The state of the key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Register {
    /// Interned value; 0: no entry.
    pub value: u32,
    /// Its version; 0: not known.
    pub version: u64,
    /// The state was made by an optional write that nothing has observed yet.
    pub(super) unseen: bool,
}

impl Register {
    /// The state after the operation, or `None` if it cannot come here.
    ///
    /// A write that overwrites what an optional write left unseen is refused: the same order without the optional write is as good, so
    /// nothing is lost, and thousands of unanswered writes do not multiply the orders to try.
    pub fn step(self, effect: Effect, need: Need) -> Option<Register> {
        let observed = Register { unseen: false, ..self };
        let optional = need == Need::Optional;
        match effect {
            Effect::Read { value, version } => {
                (self.value == value && agree(self.version, version)).then(|| Register { version: self.version.max(version), ..observed })
            }
            Effect::ReadAbsent => (self.value == 0).then_some(observed),
            Effect::CasRefused { expect } => self.may_differ(expect).then_some(observed),
            Effect::DeleteCasRefused { expect } => (self.value != 0 && self.may_differ(expect)).then_some(observed),
            Effect::Put { value, .. } if value == self.value => (!optional).then_some(observed),
            Effect::Put { value, version } => (!self.unseen).then_some(Register { value, version, unseen: optional }),
            Effect::Delete if optional && self.value == 0 => None,
            Effect::Delete => (!self.unseen).then_some(Register { unseen: optional, ..Register::default() }),
            Effect::Cas { expect, value, version } => self.may_equal(expect).then(|| self.written(value, version, optional)),
            Effect::DeleteCas { .. } if self.value == 0 => (!optional).then_some(observed),
            Effect::DeleteCas { expect } => {
                (expect != 0 && self.may_equal(expect)).then_some(Register { unseen: optional, ..Register::default() })
            }
        }
    }

    /// Writing what is there already changes nothing, its version included.
    fn written(self, value: u32, version: u64, unseen: bool) -> Register {
        if self.value == value { Register { unseen: false, ..self } } else { Register { value, version, unseen } }
    }

    fn may_equal(self, expect: u64) -> bool {
        if expect == 0 { self.value == 0 } else { self.value != 0 && agree(self.version, expect) }
    }

    fn may_differ(self, expect: u64) -> bool {
        if expect == 0 { self.value != 0 } else { self.value == 0 || self.version == 0 || self.version != expect }
    }

    /// The state as 128 well-mixed bits.
    pub fn fingerprint(self) -> u128 {
        let low = (u64::from(self.value) << 1) | u64::from(self.unseen);
        let (a, b) = (mix(low ^ 0x9e37_79b9_7f4a_7c15), mix(self.version ^ 0xd1b5_4a32_d192_ed03));
        let (high, low) = (mix(a ^ b.rotate_left(17)), mix(b ^ a.rotate_left(41)));
        (u128::from(high) << 64) | u128::from(low)
    }
}

fn agree(a: u64, b: u64) -> bool {
    a == 0 || b == 0 || a == b
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit.
pub fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Effect, Need, Register};

    fn after(effects: &[Effect]) -> Option<Register> {
        effects.iter().try_fold(Register::default(), |state, e| state.step(*e, Need::Required))
    }

    #[test]
    fn a_read_teaches_the_version_and_another_version_of_the_same_write_is_refused() {
        let put = Effect::Put { value: 1, version: 0 };
        assert!(after(&[put, Effect::Read { value: 1, version: 7 }, Effect::Read { value: 1, version: 7 }]).is_some());
        assert!(after(&[put, Effect::Read { value: 1, version: 7 }, Effect::Read { value: 1, version: 8 }]).is_none());
    }

    #[test]
    fn cas_goes_by_the_version() {
        let put = Effect::Put { value: 1, version: 7 };
        let cas = |expect| Effect::Cas { expect, value: 2, version: 9 };
        assert!(after(&[put, cas(7)]).is_some());
        assert!(after(&[put, cas(6)]).is_none());
        assert!(after(&[put, cas(0)]).is_none());
        assert!(after(&[cas(0)]).is_some());
        assert!(after(&[put, Effect::CasRefused { expect: 6 }]).is_some());
        assert!(after(&[put, Effect::CasRefused { expect: 7 }]).is_none());
        assert!(after(&[Effect::CasRefused { expect: 0 }]).is_none());
    }

    #[test]
    fn a_conditional_delete_of_nothing_is_done() {
        assert!(after(&[Effect::DeleteCas { expect: 3 }, Effect::ReadAbsent]).is_some());
        assert!(after(&[Effect::DeleteCasRefused { expect: 3 }]).is_none());
    }

    #[test]
    fn an_identical_write_keeps_the_version() {
        let (first, again) = (Effect::Put { value: 1, version: 7 }, Effect::Put { value: 1, version: 0 });
        assert!(after(&[first, again, Effect::Read { value: 1, version: 7 }]).is_some());
    }
}
