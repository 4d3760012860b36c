//! A master and its replica, and three sentinels that make the replica master when two of them miss
//! the master for a second.

use std::time::Duration;

use super::resp::Reply;
use super::server::{APPEND_ONLY, Options, Role};
use super::{Flavor, Server, wait_until};

const NAME: &str = "mymaster";
/// After so many milliseconds a master that is gone is missed.
const SOON: u32 = 1_000;
/// Never by mistake, however busy the machine is.
const LATE: u32 = 20_000;
const SENTINELS: usize = 3;

/// They ask and tell each other every half second, not every ten: a sentinel that has moved the master
/// would else take half a minute until it knows a replica again.
const HASTE: [&str; 6] = ["SENTINEL", "DEBUG", "info-period", "500", "publish-period", "500"];

/// For a sentinel's answer, which comes at once or never.
const AT_ONCE: Duration = Duration::from_secs(2);

pub(crate) struct Sentinels {
    /// Whichever of the two is master.
    data: [Server; 2],
    sentinels: Vec<Server>,
}

impl Sentinels {
    pub(crate) fn start(flavor: Flavor) -> Option<Self> {
        Self::start_with(flavor, SOON)
    }

    /// For many tests at once, of which none kills the master.
    pub(super) fn start_shared(flavor: Flavor) -> Option<Self> {
        Self::start_with(flavor, LATE)
    }

    fn start_with(flavor: Flavor, down_after: u32) -> Option<Self> {
        // A master that comes back empty can make its replica empty as well: Redis's own documentation
        // asks for persistence where masters are restarted.
        let master = Server::start(flavor, &[APPEND_ONLY])?;
        let replica =
            Server::start(flavor, &[APPEND_ONLY, &format!("replicaof 127.0.0.1 {}", master.port())])?;
        let linked = || replica.info("master_link_status") == "up";
        wait_until("the replica follows its master", linked, || replica.log());
        let lines = [
            format!("sentinel monitor {NAME} 127.0.0.1 {} 2", master.port()),
            format!("sentinel down-after-milliseconds {NAME} {down_after}"),
            format!("sentinel failover-timeout {NAME} 5000"),
            format!("sentinel parallel-syncs {NAME} 1"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let options = Options { lines: &lines, role: Role::Sentinel, ..Options::default() };
        let sentinels: Option<_> = (0..SENTINELS).map(|_| Server::start_with(flavor, options)).collect();
        let started = Self { data: [master, replica], sentinels: sentinels? };
        started.wait_until_ready();
        Some(started)
    }

    /// Waits until every sentinel knows the other two, and a replica fit to be the next master.
    pub(crate) fn wait_until_ready(&self) {
        for sentinel in &self.sentinels {
            assert_eq!(sentinel.command(&HASTE).text(), "OK");
        }
        for sentinel in &self.sentinels {
            let is_ready = || {
                let master = sentinel.command(&["SENTINEL", "MASTER", NAME]);
                let replicas = sentinel.command(&["SENTINEL", "REPLICAS", NAME]);
                let fit = |replica: &Reply| {
                    let fields = replica.fields();
                    fields["flags"] == "slave" && fields["master-link-status"] == "ok"
                };
                let master = master.fields();
                master["flags"] == "master"
                    && master["num-other-sentinels"] == (SENTINELS - 1).to_string()
                    && replicas.array().iter().any(fit)
            };
            wait_until("the sentinel knows all others", is_ready, || sentinel.log());
        }
    }

    pub(crate) fn url(&self) -> String {
        let addresses: Vec<_> = self.sentinels.iter().map(|s| format!("127.0.0.1:{}", s.port())).collect();
        format!("redis-sentinel://{}/{NAME}", addresses.join(","))
    }

    pub(crate) fn sentinel(&self, i: usize) -> &Server {
        &self.sentinels[i]
    }

    /// The master's port, as the first sentinel that answers tells it.
    pub(crate) fn master_port(&self) -> u16 {
        let ports = self.sentinels.iter().filter_map(told_port);
        ports.into_iter().next().expect("a sentinel answers")
    }

    /// The server that the sentinels call master.
    pub(crate) fn master(&self) -> &Server {
        self.server(self.master_port())
    }

    /// The other one.
    pub(crate) fn replica(&self) -> &Server {
        let master = self.master_port();
        self.data.iter().find(|server| server.port() != master).expect("one of the two")
    }

    pub(crate) fn server(&self, port: u16) -> &Server {
        self.data.iter().find(|server| server.port() == port).expect("one of the two")
    }

    /// Has the sentinels make the replica master, and waits until all of them say so. The old master
    /// runs on and becomes the replica.
    pub(crate) fn failover(&self) {
        self.wait_until_ready();
        let old = self.master_port();
        // Refused while an earlier one has not come to its end.
        let begun = || self.sentinels[0].command(&["SENTINEL", "FAILOVER", NAME]) == Reply::Text("OK".into());
        wait_until("the failover begins", begun, || self.sentinels[0].log());
        self.wait_until_moved_from(old);
    }

    /// Kills the master and returns its port; the sentinels have not noticed yet.
    pub(crate) fn kill_master(&self) -> u16 {
        let master = self.master();
        master.kill9();
        master.port()
    }

    /// Waits until every sentinel names another master than `old`, which knows that it is one.
    pub(crate) fn wait_until_moved_from(&self, old: u16) {
        for sentinel in &self.sentinels {
            let moved = || {
                let Some(port) = told_port(sentinel).filter(|port| *port != old) else { return false };
                self.server(port).info("role") == "master"
            };
            wait_until("the sentinel names another master", moved, || sentinel.log());
        }
    }

    /// Starts a server that was killed, with the data it had; the sentinels make it a replica.
    pub(crate) fn restart(&self, port: u16) {
        self.server(port).restart();
    }
}

fn told_port(sentinel: &Server) -> Option<u16> {
    let reply = sentinel.try_command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME], AT_ONCE).ok()?;
    reply.array()[1].text().parse().ok()
}
