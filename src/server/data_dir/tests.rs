use super::{DataDirError, LAYOUT, LAYOUT_FILE, NODE_ID_FILE, open};
use crate::config::{Config, Host, Profile, Sources, load};
use crate::model::NodeId;
use crate::runtime::Runtime;
use crate::runtime::tokio::Tokio;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder of a test's own, gone with it.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("muster-data-dir-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Place(std::env::temp_dir().join(name))
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(&self.0).unwrap();
        std::fs::write(self.0.join(name), text).unwrap();
    }

    /// The identity found, or why there is none. Nothing stays locked.
    fn opened(&self, configured: Option<NodeId>) -> Result<NodeId, DataDirError> {
        let config = config(configured);
        Tokio::block_on(open::<Tokio>(self.0.clone(), &config)).map(|found| found.node_id)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn config(node_id: Option<NodeId>) -> Config {
    let host = Host { name: "box".to_owned(), ..Host::default() };
    let config = load(&Sources { profile: Profile::Dev, ..Sources::default() }, &host).unwrap();
    Config { node_id, ..config }
}

#[test]
fn an_identity_is_drawn_once_and_kept() {
    let (one, other) = (Place::new(), Place::new());
    let drawn = one.opened(None).unwrap();
    assert_eq!(one.opened(None).unwrap(), drawn);
    assert_eq!(one.read(NODE_ID_FILE).trim(), drawn.to_string());
    assert_ne!(other.opened(None).unwrap(), drawn);
}

#[test]
fn a_configured_identity_is_written_down_and_never_changed() {
    let place = Place::new();
    let (first, second) = (NodeId::from(1), NodeId::from(2));
    assert_eq!(place.opened(Some(first)).unwrap(), first);
    assert_eq!(place.opened(None).unwrap(), first);
    assert!(
        matches!(place.opened(Some(second)), Err(DataDirError::IdChanged { configured, kept, .. }) if (configured, kept) == (second, first))
    );
    assert_eq!(place.opened(Some(first)).unwrap(), first);
}

#[test]
fn a_damaged_identity_is_named_and_left_as_it_is() {
    for damage in ["", "not-an-id", "00000000-0000-0000-0000-00000000000"] {
        let place = Place::new();
        place.write(NODE_ID_FILE, damage);
        let refused = place.opened(None).unwrap_err();
        assert!(matches!(&refused, DataDirError::Corrupt { file, .. } if file.ends_with(NODE_ID_FILE)), "{refused}");
        assert_eq!(place.read(NODE_ID_FILE), damage);
    }
}

#[test]
fn a_newer_layout_is_refused_before_anything_is_written() {
    let place = Place::new();
    place.write(LAYOUT_FILE, &(LAYOUT + 1).to_string());
    let refused = place.opened(None).unwrap_err();
    assert!(matches!(refused, DataDirError::Newer { found, .. } if found == LAYOUT + 1), "{refused}");
    assert!(!place.0.join(NODE_ID_FILE).exists());
    place.write(LAYOUT_FILE, "one");
    assert!(matches!(place.opened(None), Err(DataDirError::Corrupt { .. })));
}

#[test]
fn a_directory_has_one_agent_at_a_time() {
    let place = Place::new();
    let config = config(None);
    let held = Tokio::block_on(open::<Tokio>(place.0.clone(), &config)).unwrap();
    assert!(matches!(place.opened(None), Err(DataDirError::InUse(path)) if path == place.0));
    drop(held);
    place.opened(None).unwrap();
}
