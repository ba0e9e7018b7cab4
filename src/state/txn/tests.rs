use super::{CatalogOp, NodeRef, TxnError, TxnOp, TxnRead, TxnReply, TxnRow, read};
use crate::model::{CheckStatus, Index, Key, LockToken, NodeName, ServiceSpec, SessionId, Timestamp, Topic};
use crate::state::checks::CheckSpec;
use crate::state::nodes::NodeSpec;
use crate::state::{Command, Condition, KvCommand, Reply, Stamped, State};

#[derive(Default)]
struct World {
    state: State,
    index: Index,
    touched: Vec<Topic>,
}

impl World {
    fn run(&mut self, ops: Vec<TxnOp>) -> TxnReply {
        self.index += 1;
        let stamped = Stamped { at: Timestamp::default(), command: Command::Txn(ops) };
        let (reply, touched) = self.state.apply(self.index, &stamped);
        self.touched = touched.topics().to_vec();
        let Reply::Txn(reply) = reply else { panic!("{reply:?}") };
        reply
    }

    fn rows(&mut self, ops: Vec<TxnOp>) -> Vec<TxnRow> {
        match self.run(ops) {
            TxnReply::Done(rows) => rows,
            TxnReply::Failed(errors) => panic!("{errors:?}"),
        }
    }

    /// Runs what fails, and sees that nothing of it was done.
    fn errors(&mut self, ops: Vec<TxnOp>) -> Vec<(u32, String)> {
        let before = self.state.clone();
        let TxnReply::Failed(errors) = self.run(ops) else { panic!("it was done") };
        assert_eq!((&self.state, self.touched.as_slice()), (&before, &[][..]));
        errors.into_iter().map(|TxnError { op, what }| (op, what)).collect()
    }
}

fn set(key: &str, value: &'static str) -> TxnOp {
    cas(key, value, Condition::Always)
}

fn cas(key: &str, value: &'static str, condition: Condition) -> TxnOp {
    TxnOp::Kv(KvCommand::Put { key: Key::from(key), value: value.into(), flags: 0, condition })
}

fn get(key: &str) -> TxnOp {
    TxnOp::Read(TxnRead::Get { key: Key::from(key) })
}

fn name(text: &str) -> NodeName {
    NodeName::parse(text).unwrap()
}

fn node(text: &str, condition: Condition) -> TxnOp {
    let (address, (tagged_addresses, meta)) = ("10.0.0.1".to_owned(), Default::default());
    TxnOp::Catalog(CatalogOp::PutNode { node: NodeSpec { id: None, name: name(text), address, tagged_addresses, meta }, condition })
}

fn service(node: &str, condition: Condition) -> TxnOp {
    TxnOp::Catalog(CatalogOp::PutService { node: name(node), service: ServiceSpec::new("web-1", "web"), condition })
}

fn check(service: &str, status: CheckStatus) -> TxnOp {
    let check = CheckSpec { service_id: service.to_owned(), ..CheckSpec::of_node("c", "c", status, "") };
    TxnOp::Catalog(CatalogOp::PutCheck { node: name("n"), check, condition: Condition::Always })
}

#[test]
fn operations_are_done_in_order_and_see_one_another() {
    let mut world = World::default();
    let delete = TxnOp::Kv(KvCommand::Delete { key: Key::from("a"), condition: Condition::Always });
    let rows = world.rows(vec![
        set("a", "1"),
        get("a"),
        set("a", "2"),
        delete,
        set("b", "3"),
        TxnOp::Read(TxnRead::GetTree { prefix: Key::default() }),
    ]);
    let shown: Vec<(&[u8], &[u8])> = rows
        .iter()
        .map(|row| match row {
            TxnRow::Entry(entry) => (&*entry.key, &*entry.value),
            TxnRow::Node(_) | TxnRow::Service(_) | TxnRow::Check(_) => panic!("{row:?}"),
        })
        .collect();
    let nothing: &[u8] = b"";
    assert_eq!(
        shown,
        [(&b"a"[..], nothing), (b"a", b"1"), (b"a", nothing), (b"b", nothing), (b"b", b"3")],
        "what was written is shown without its value"
    );
    assert_eq!(world.touched, [Topic::Key(Key::from("a")), Topic::Key(Key::from("b"))]);
    assert_eq!(world.state.kv().marks_of_key(b"a").changed, 1, "the deletion is remembered");
}

#[test]
fn one_that_fails_undoes_all_and_every_failure_is_told() {
    let mut world = World::default();
    world.rows(vec![set("a", "1")]);
    let errors = world.errors(vec![
        node("n", Condition::Always),
        set("a", "2"),
        cas("a", "3", Condition::At(9)),
        get("none"),
        TxnOp::Read(TxnRead::CheckNotExists { key: Key::from("a") }),
        TxnOp::Read(TxnRead::CheckIndex { key: Key::from("a"), index: 9 }),
        TxnOp::Read(TxnRead::CheckSession { key: Key::from("a"), session: "s".to_owned() }),
        TxnOp::Kv(KvCommand::Delete { key: Key::from("a"), condition: Condition::At(9) }),
        TxnOp::Kv(KvCommand::ReapTombstones),
        TxnOp::Refused { what: "missing session".to_owned() },
        TxnOp::Read(TxnRead::Refused { what: "unknown KV verb".to_owned() }),
    ]);
    let want = [
        (2, "failed to set key \"a\", index is stale"),
        (3, "key \"none\" doesn't exist"),
        (4, "key \"a\" exists"),
        (5, "failed index check for key \"a\", current modify index 2 != 9"),
        (6, "failed session check for key \"a\", current session \"\" != \"s\""),
        (7, "failed to delete key \"a\", index is stale"),
        (8, "not an operation of a transaction"),
        (9, "missing session"),
        (10, "unknown KV verb"),
    ];
    assert_eq!(errors, want.map(|(op, what)| (op, what.to_owned())));
}

#[test]
fn locks_are_told_why_they_are_refused_and_tokens_are_demanded() {
    let mut world = World::default();
    let (a, b) = (SessionId::from_u128(1), SessionId::from_u128(2));
    world.rows(vec![node("n", Condition::Always)]);
    for id in [a, b] {
        world.index += 1;
        let spec = crate::state::sessions::SessionSpec {
            name: String::new(),
            node: name("n"),
            lock_delay: std::time::Duration::from_secs(1),
            behavior: crate::state::sessions::Behavior::Release,
            ttl: None,
            node_checks: Vec::new(),
            service_checks: Vec::new(),
        };
        let command = Command::Session(crate::state::SessionCommand::Create { id, spec });
        world.state.apply(world.index, &Stamped { at: Timestamp::default(), command });
    }
    let lock = |session| TxnOp::Kv(KvCommand::Lock { key: Key::from("k"), value: "1".into(), flags: 0, session });
    let unlock = |session| TxnOp::Kv(KvCommand::Unlock { key: Key::from("k"), value: "1".into(), flags: 0, session });
    let rows = world.rows(vec![lock(a)]);
    assert!(matches!(&rows[..], [TxnRow::Entry(entry)] if entry.session() == Some(a) && entry.lock_index() == 1));
    assert_eq!(world.errors(vec![lock(b)])[0].1, "failed to lock key \"k\", lock is already held");
    assert_eq!(world.errors(vec![unlock(b)])[0].1, "failed to unlock key \"k\", lock isn't held, or is held by another session");
    let nobody = SessionId::from_u128(9);
    assert_eq!(world.errors(vec![lock(nobody)])[0].1, format!("invalid session \"{nobody}\""));
    let token = world.state.kv().get(b"k").unwrap().token().unwrap();
    let demand = |token: &LockToken| TxnOp::Read(TxnRead::CheckToken { token: token.clone() });
    assert_eq!(world.rows(vec![demand(&token), set("guarded", "1")]).len(), 1);
    assert_eq!(world.rows(vec![TxnOp::DestroySession { id: a }]), []);
    assert!(world.errors(vec![set("guarded", "2"), demand(&token)])[0].1.contains("nobody holds it"));
    assert_eq!(world.errors(vec![lock(b)])[0].1, "failed to lock key \"k\" due to lock delay");
}

#[test]
fn the_catalog_is_changed_row_by_row_on_condition() {
    let mut world = World::default();
    assert_eq!(world.errors(vec![service("n", Condition::Always)])[0].1, "Missing node registration");
    assert_eq!(world.errors(vec![node("n", Condition::Always), check("web-1", CheckStatus::Passing)])[0].1, "Missing service registration");
    let rows = world.rows(vec![node("n", Condition::Absent), service("n", Condition::Absent), check("web-1", CheckStatus::Passing)]);
    assert!(matches!(&rows[..], [TxnRow::Node(_), TxnRow::Service(_), TxnRow::Check(_)]), "{rows:?}");
    let at = world.index;
    assert_eq!(world.errors(vec![node("n", Condition::At(1))])[0].1, "failed to set node \"n\", index is stale");
    assert_eq!(world.errors(vec![service("n", Condition::Absent)])[0].1, "failed to set service \"web-1\" on node \"n\", index is stale");
    let delete = |condition| TxnOp::Catalog(CatalogOp::DeleteCheck { node: name("n"), check: "c".to_owned(), condition });
    assert_eq!(world.errors(vec![delete(Condition::At(1))])[0].1, "failed to delete check \"c\" on node \"n\", index is stale");
    assert_eq!(world.rows(vec![delete(Condition::At(at)), delete(Condition::At(1))]), [], "what is not there is deleted");
    let reference = NodeRef { id: None, name: "N".to_owned() };
    let gone = TxnOp::Catalog(CatalogOp::DeleteNode { node: reference.clone(), condition: Condition::Always });
    let errors = world.errors(vec![gone.clone(), TxnOp::Read(TxnRead::Node { node: reference })]);
    assert_eq!(errors, [(1, "node \"N\" doesn't exist".to_owned())]);
    world.rows(vec![gone]);
    assert!(world.state.nodes().is_empty() && world.state.services().is_empty());
}

#[test]
fn reads_alone_are_answered_from_a_view() {
    let mut world = World::default();
    world.rows(vec![set("a", "1")]);
    let reads = [TxnRead::Get { key: Key::from("a") }, TxnRead::GetOrEmpty { key: Key::from("b") }];
    let TxnReply::Done(rows) = read(&world.state, &reads) else { panic!("both are there") };
    assert!(matches!(&rows[..], [TxnRow::Entry(a), TxnRow::Entry(b)] if a.modify_index == 1 && b.modify_index == 0));
    let missing = TxnRead::Service { node: name("n"), service: "s".to_owned() };
    let TxnReply::Failed(errors) = read(&world.state, &[missing]) else { panic!("there is none") };
    assert_eq!(errors[0].what, "service \"s\" on node \"n\" doesn't exist");
}
