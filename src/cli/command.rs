//! What a command is, and the list of them.

use super::args::{Args, FlagSpec};
use super::client::{CLIENT_FLAGS, Client, DATACENTER, SERVER_FLAGS, Surroundings};
use super::report::{FORMAT, Outcome};
use super::{
    agent, catalog, event, info, join, kv, leave, lock, maint, members, monitor, operator, reload, rtt, run, services, snapshot, supervise,
    validate, version, watch,
};

/// One command.
pub(super) struct Command {
    /// Its name, words separated by blanks.
    pub(super) name: &'static str,
    /// The arguments after the flags, as the help shows them.
    pub(super) arguments: &'static str,
    /// One sentence.
    pub(super) about: &'static str,
    /// Its flags.
    pub(super) flags: fn() -> Vec<FlagSpec>,
    /// What it does.
    pub(super) action: Action,
}

/// What a command does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    /// Something that ends with a report.
    Report(fn(&Call<'_>) -> Outcome),
    /// Runs an agent in this process.
    Serve,
}

/// One call of a command.
pub(super) struct Call<'a> {
    /// Its flags and arguments.
    pub(super) args: Args,
    /// The process around it.
    pub(super) surroundings: &'a dyn Surroundings,
}

impl Call<'_> {
    /// The agent to ask.
    pub(super) fn client(&self) -> Result<Client<'_>, String> {
        Client::new(&self.args, self.surroundings)
    }
}

/// Groups of commands, for their help.
pub(super) const GROUPS: &[(&str, &str)] = &[
    ("catalog", "Lists what the servers know."),
    ("kv", "Reads and writes the key-value store."),
    ("operator", "Looks after the servers."),
    ("operator autopilot", "Looks after the servers' health and number."),
    ("operator raft", "Looks after the servers' membership in Raft."),
    ("services", "Looks after the agent's services."),
    ("snapshot", "Saves and restores the whole state."),
];

/// All commands, in alphabetical order.
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "agent", arguments: "", about: "Runs an agent.", flags: agent::flags, action: Action::Serve },
    Command {
        name: "catalog datacenters",
        arguments: "",
        about: "Lists the known datacenters.",
        flags: || [&[FORMAT], CLIENT_FLAGS].concat(),
        action: Action::Report(catalog::datacenters),
    },
    Command {
        name: "catalog nodes",
        arguments: "",
        about: "Lists the nodes of a datacenter.",
        flags: || [catalog::NODE_FLAGS, CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(catalog::nodes),
    },
    Command {
        name: "catalog services",
        arguments: "",
        about: "Lists the services of a datacenter.",
        flags: || [catalog::SERVICE_FLAGS, CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(catalog::services),
    },
    Command {
        name: "event",
        arguments: "[PAYLOAD]",
        about: "Fires an event that every agent hears.",
        flags: || [&event::event_flags(), CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(event::fire),
    },
    Command {
        name: "force-leave",
        arguments: "NODE",
        about: "Declares a failed member left.",
        flags: || [leave::FORCE_FLAGS, CLIENT_FLAGS].concat(),
        action: Action::Report(leave::force),
    },
    Command {
        name: "info",
        arguments: "",
        about: "Shows the agent's inner figures.",
        flags: || [CLIENT_FLAGS].concat(),
        action: Action::Report(info::run),
    },
    Command {
        name: "join",
        arguments: "ADDRESS...",
        about: "Makes the agent join others.",
        flags: || [join::FLAGS, CLIENT_FLAGS].concat(),
        action: Action::Report(join::run),
    },
    Command {
        name: "kv delete",
        arguments: "KEY",
        about: "Deletes a key or all keys with a prefix.",
        flags: || [kv::delete::FLAGS, CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(kv::delete::run),
    },
    Command {
        name: "kv export",
        arguments: "[PREFIX]",
        about: "Prints keys as JSON that kv import takes.",
        flags: || [CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(kv::export::run),
    },
    Command {
        name: "kv get",
        arguments: "[KEY]",
        about: "Prints a value, or all below a prefix.",
        flags: || [kv::get::FLAGS, CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(kv::get::run),
    },
    Command {
        name: "kv history",
        arguments: "KEY",
        about: "Prints the recent changes of a key.",
        flags: || [kv::history::FLAGS, CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(kv::history::run),
    },
    Command {
        name: "kv import",
        arguments: "DATA|@FILE|-",
        about: "Writes keys that kv export printed.",
        flags: || [kv::import::FLAGS, CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(kv::import::run),
    },
    Command {
        name: "kv put",
        arguments: "KEY [DATA|@FILE|-]",
        about: "Writes a value.",
        flags: || [kv::put::FLAGS, CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(kv::put::run),
    },
    Command {
        name: "kv rollback",
        arguments: "KEY",
        about: "Makes a key what it was at an index.",
        flags: || [kv::rollback::FLAGS, CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(kv::rollback::run),
    },
    Command {
        name: "leave",
        arguments: "",
        about: "Makes the agent leave and stop.",
        flags: || [CLIENT_FLAGS].concat(),
        action: Action::Report(leave::run),
    },
    Command {
        name: "lock",
        arguments: "PREFIX COMMAND [ARGUMENT...]",
        about: "Runs a command while a lock is held.",
        flags: || [lock::FLAGS, CLIENT_FLAGS, DATACENTER].concat(),
        action: Action::Report(lock::run),
    },
    Command {
        name: lock::guard::NAME,
        arguments: "",
        about: "For lock, which starts one beside each command it runs.",
        flags: || [lock::guard::FLAGS].concat(),
        action: Action::Report(lock::guard::run),
    },
    Command {
        name: "maint",
        arguments: "",
        about: "Takes a node or service out of use, or tells what is.",
        flags: || [maint::FLAGS, CLIENT_FLAGS].concat(),
        action: Action::Report(maint::run),
    },
    Command {
        name: "members",
        arguments: "",
        about: "Lists the members of the pool.",
        flags: || [members::FLAGS, CLIENT_FLAGS].concat(),
        action: Action::Report(members::run),
    },
    Command {
        name: "monitor",
        arguments: "",
        about: "Prints the agent's log while it is written.",
        flags: || [monitor::FLAGS, CLIENT_FLAGS].concat(),
        action: Action::Report(monitor::run),
    },
    Command {
        name: "operator autopilot get-config",
        arguments: "",
        about: "Shows autopilot's settings.",
        flags: || [CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(operator::autopilot::show_config),
    },
    Command {
        name: "operator autopilot set-config",
        arguments: "",
        about: "Changes autopilot's settings.",
        flags: || [operator::autopilot::CONFIG_FLAGS, CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(operator::autopilot::change_config),
    },
    Command {
        name: "operator autopilot state",
        arguments: "",
        about: "Shows how autopilot sees the servers.",
        flags: || [operator::autopilot::STATE_FLAGS, CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(operator::autopilot::state),
    },
    Command {
        name: "operator raft list-peers",
        arguments: "",
        about: "Lists the servers in Raft.",
        flags: || [CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(operator::raft::list_peers),
    },
    Command {
        name: "operator raft remove-peer",
        arguments: "",
        about: "Removes a server from Raft.",
        flags: || [operator::raft::REMOVE_FLAGS, CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(operator::raft::remove_peer),
    },
    Command {
        name: "operator raft transfer-leader",
        arguments: "",
        about: "Hands leadership to another server.",
        flags: || [operator::raft::TRANSFER_FLAGS, CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(operator::raft::transfer_leader),
    },
    Command {
        name: "query",
        arguments: "NAME [PAYLOAD]",
        about: "Asks every agent; ends when all have answered.",
        flags: || [&event::query_flags(), CLIENT_FLAGS].concat(),
        action: Action::Report(event::query),
    },
    Command {
        name: "reload",
        arguments: "",
        about: "Makes the agent read its configuration again.",
        flags: || [CLIENT_FLAGS].concat(),
        action: Action::Report(reload::run),
    },
    Command {
        name: "rtt",
        arguments: "NODE [NODE]",
        about: "Estimates the round trip between two nodes.",
        flags: || [rtt::FLAGS, CLIENT_FLAGS].concat(),
        action: Action::Report(rtt::run),
    },
    Command {
        name: "run",
        arguments: "-- COMMAND [ARGUMENT...]",
        about: "Runs a service that is registered as long as it runs.",
        flags: || [run::FLAGS, CLIENT_FLAGS].concat(),
        action: Action::Report(run::run),
    },
    Command {
        name: "services deregister",
        arguments: "[FILE...]",
        about: "Deregisters services from the agent.",
        flags: || [services::deregister::FLAGS, CLIENT_FLAGS].concat(),
        action: Action::Report(services::deregister::run),
    },
    Command {
        name: "services lint",
        arguments: "[FILE...]",
        about: "Tells which services have checks that prove little.",
        flags: || [services::lint::FLAGS, CLIENT_FLAGS].concat(),
        action: Action::Report(services::lint::run),
    },
    Command {
        name: "services register",
        arguments: "[FILE...]",
        about: "Registers services with the agent.",
        flags: || [services::register::FLAGS, CLIENT_FLAGS].concat(),
        action: Action::Report(services::register::run),
    },
    Command {
        name: "snapshot inspect",
        arguments: "FILE",
        about: "Shows what a snapshot holds.",
        flags: || [snapshot::inspect::FLAGS].concat(),
        action: Action::Report(snapshot::inspect::run),
    },
    Command {
        name: "snapshot restore",
        arguments: "FILE",
        about: "Puts a snapshot in the place of the cluster's state.",
        flags: || [CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(snapshot::restore::run),
    },
    Command {
        name: "snapshot save",
        arguments: "FILE",
        about: "Saves the cluster's state.",
        flags: || [CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(snapshot::save::run),
    },
    Command {
        name: supervise::tether::NAME,
        arguments: "-- COMMAND [ARGUMENT...]",
        about: "For lock and run, which start their command so.",
        flags: || [supervise::tether::FLAGS].concat(),
        action: Action::Report(supervise::tether::run),
    },
    Command {
        name: "validate",
        arguments: "FILE-OR-FOLDER...",
        about: "Checks configuration files.",
        flags: || [validate::FLAGS].concat(),
        action: Action::Report(validate::run),
    },
    Command {
        name: "version",
        arguments: "",
        about: "Shows the version.",
        flags: || [version::FLAGS].concat(),
        action: Action::Report(version::run),
    },
    Command {
        name: "watch",
        arguments: "[COMMAND...]",
        about: "Shows what is watched, or runs a command whenever it changes.",
        flags: || [watch::FLAGS, CLIENT_FLAGS, SERVER_FLAGS].concat(),
        action: Action::Report(watch::run),
    },
];
