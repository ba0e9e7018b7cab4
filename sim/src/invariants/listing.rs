//! B4, K5: the answer to a prefix read is one state of the store, the one at its index.

use super::observation::Listed;
use super::{Reference, Violation};

pub(super) fn violations(listings: &[Listed], reference: &Reference) -> Vec<Violation> {
    listings.iter().filter_map(|listed| mixed(listed, reference)).collect()
}

fn mixed(listed: &Listed, reference: &Reference) -> Option<Violation> {
    let was = reference.below(&listed.prefix, listed.headers.index);
    let same = was.len() == listed.keys.len()
        && was.iter().zip(&listed.keys).all(|((key, entry), (shown, found))| key == shown && found.as_ref().is_none_or(|f| f == entry));
    (!same).then(|| {
        let says = format!(
            "reading {}* shows {:?} under X-Consul-Index {}, where it was {was:?}",
            listed.prefix, listed.keys, listed.headers.index
        );
        Violation { id: "B4-one-snapshot", says, at: listed.returned }
    })
}
