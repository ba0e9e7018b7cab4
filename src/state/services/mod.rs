//! The catalog's service instances.

mod row;

pub(crate) use row::{Label, ServiceShape};
pub use row::{Service, TaggedAddress};

use super::Marks;
use super::addresses::Addresses;
use super::checks::{Check, Own};
use super::departed::Departed;
use super::home::folded;
use super::order::{Order, Ordered, RowKey};
use crate::model::{Index, Table, Topic, Touched};
use imbl::OrdMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// The instances of the catalog. Names of services are compared without case, as Consul's catalog does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Services {
    rows: Ordered<ByPlace>,
    by_name: Ordered<ByName>,
    /// Those with an address of their own, by node and id.
    by_address: Addresses<(Arc<str>, Arc<str>)>,
    pub(super) names: OrdMap<Arc<str>, Name>,
    /// Names that have no instance any more.
    pub(super) gone: Departed,
    /// The last change of any row.
    pub(super) index: Index,
    /// The last time that a name came or went with the tags it came or went with.
    pub(super) listed: Index,
}

/// What is known of a name as long as it has instances.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Name {
    pub(super) instances: u64,
    /// The last change of its instances, their nodes or the checks of either.
    pub(super) health: Index,
    /// The last change of its instances or their nodes.
    pub(super) rows: Index,
    /// The last change of its instances' own checks.
    pub(super) checks: Index,
}

/// By node and id.
#[derive(Debug)]
struct ByPlace;

impl Order for ByPlace {
    type Row = Arc<Service>;
    fn key(row: &Arc<Service>) -> RowKey<'_> {
        (&row.home.folded, &row.id, "")
    }
}

/// An instance among those of its service, with its own checks.
#[derive(Debug, Clone, PartialEq)]
struct Seat {
    row: Arc<Service>,
    own: Own,
}

/// By name, node and id.
#[derive(Debug)]
struct ByName;

impl Order for ByName {
    type Row = Seat;
    fn key(seat: &Seat) -> RowKey<'_> {
        key_by_name(&seat.row)
    }
}

fn key_by_name(row: &Service) -> RowKey<'_> {
    (row.folded_name(), &row.home.folded, &row.id)
}

fn place(row: &Service) -> (Arc<str>, Arc<str>) {
    (row.home.folded.clone(), row.id.clone())
}

impl Services {
    /// An instance by its node's name in lower case and its id.
    pub fn at(&self, folded: &str, id: &str) -> Option<&Arc<Service>> {
        self.rows.get((folded, id, ""))
    }

    /// The instances on a node, given by its name in lower case, by id.
    pub fn on<'a>(&'a self, folded: &'a str) -> impl Iterator<Item = &'a Arc<Service>> {
        self.rows.from((folded, "", "")).take_while(move |row| *row.home.folded == *folded)
    }

    /// The instances of a service, by node and id.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Arc<Service>> {
        self.named_with_checks(name).map(|(row, _)| row)
    }

    /// The instances of a service with their own checks, by node and id.
    pub fn named_with_checks<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Arc<Service>, &'a [Arc<Check>])> {
        let name = folded(name);
        let from = self.by_name.from((&name, "", "")).take_while(move |seat| **seat.row.folded_name() == *name);
        from.map(|seat| (&seat.row, seat.own.as_slice()))
    }

    /// All instances, by node and id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.rows.iter()
    }

    /// The first instance, by node and id, with that address of its own.
    pub fn at_address(&self, address: IpAddr) -> Option<&Arc<Service>> {
        let (node, id) = self.by_address.first(address)?;
        self.at(node, id)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// The names that have instances, in lower case.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.keys()
    }

    /// How many instances a service has.
    pub fn count(&self, name: &str) -> u64 {
        self.names.get(&*folded(name)).map_or(0, |name| name.instances)
    }

    /// The last change of any row.
    pub fn index(&self) -> Index {
        self.index
    }

    /// How current an answer about the instances of a service and their checks is. For one that is not there clients are told when any service last
    /// lost its last instance.
    pub fn marks_of_health(&self, name: &str) -> Marks {
        self.names.get(&*folded(name)).map_or_else(|| self.marks_of_none(name), |name| Marks::at(name.health))
    }

    /// How current an answer about the instances of a service alone is: told with the index of their health.
    pub fn marks_of_rows(&self, name: &str) -> Marks {
        self.names.get(&*folded(name)).map_or_else(|| self.marks_of_none(name), |name| Marks { index: name.health, changed: name.rows })
    }

    /// How current an answer about the checks of a service's instances is.
    pub fn marks_of_checks(&self, name: &str) -> Marks {
        self.names.get(&*folded(name)).map_or_else(|| self.marks_of_none(name), |name| Marks { index: name.health, changed: name.checks })
    }

    fn marks_of_none(&self, name: &str) -> Marks {
        let index = if self.gone.last() > 0 { self.gone.last() } else { self.index };
        Marks { index, changed: self.gone.at(&folded(name)) }
    }

    /// How current the list of names and tags is.
    pub fn marks_of_list(&self) -> Marks {
        Marks { index: self.index, changed: self.listed }
    }

    /// The names of the services on a node, given by its name, all in lower case.
    pub(super) fn names_on(&self, folded: &str) -> BTreeSet<Arc<str>> {
        self.on(folded).map(|row| row.folded_name().clone()).collect()
    }

    pub(super) fn last(&self) -> Option<&Arc<Service>> {
        self.rows.last()
    }

    /// Puts a row in, for a new instance or in place of one with the same name, and counts. Marks are the caller's.
    pub(super) fn put(&mut self, row: Arc<Service>) {
        let name = row.folded_name().clone();
        let seat = self.by_name.get(key_by_name(&row));
        let (known, own) = (seat.is_some(), seat.map(|seat| seat.own.clone()).unwrap_or_default());
        self.by_name.put(Seat { row: row.clone(), own });
        if let Some(old) = self.rows.put(row.clone()) {
            self.by_address.take(old.address(), place(&old));
        }
        self.by_address.put(row.address(), place(&row));
        self.gone.returned(&name);
        if known {
            return;
        }
        match self.names.get_mut(&name) {
            Some(known) => known.instances += 1,
            None => drop(self.names.insert(name, Name { instances: 1, ..Name::default() })),
        }
    }

    /// Says which checks an instance has, if it is there.
    pub(super) fn set_own(&mut self, folded: &str, id: &str, own: Own) {
        if let Some(row) = self.at(folded, id).cloned() {
            self.by_name.put(Seat { row, own });
        }
    }

    /// Takes a row out, and its name if it was the last.
    pub(super) fn take(&mut self, row: &Arc<Service>, index: Index) {
        self.rows.remove(ByPlace::key(row));
        self.by_address.take(row.address(), place(row));
        self.by_name.remove(key_by_name(row));
        let Some(name) = self.names.get_mut(row.folded_name()) else { return };
        name.instances -= 1;
        if name.instances == 0 {
            self.names.remove(row.folded_name());
            self.gone.note(row.folded_name(), index);
        }
    }

    /// The rows of `name`, in lower case, or their nodes, changed.
    pub(super) fn note_rows(&mut self, name: &Arc<str>, index: Index, touched: &mut Touched) {
        if let Some(name) = self.names.get_mut(name) {
            // A name that has just come: whatever was known of it before was another's.
            name.checks = if name.rows == 0 { index } else { name.checks };
            (name.rows, name.health) = (index, index);
        }
        touched.add(Topic::Service(name.clone()));
        touched.add(Topic::ServiceHealth(name.clone()));
    }

    /// Checks that count for the instances of `name`, in lower case, changed.
    pub(super) fn note_health(&mut self, name: &Arc<str>, index: Index, whose: Whose, touched: &mut Touched) {
        if let Some(name) = self.names.get_mut(name) {
            name.health = index;
            match whose {
                Whose::Instance => name.checks = index,
                Whose::Node => {}
            }
        }
        touched.add(Topic::ServiceHealth(name.clone()));
    }

    /// A row changed; `listed` says whether the list of names and tags may look different now.
    pub(super) fn note_table(&mut self, index: Index, listed: bool, touched: &mut Touched) {
        self.index = index;
        touched.add(Topic::Table(Table::Services));
        if listed {
            self.listed = index;
            touched.add(Topic::Table(Table::ServiceNames));
        }
    }
}

/// Whose check it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// An instance's.
    Instance,
    /// Its node's.
    Node,
}
