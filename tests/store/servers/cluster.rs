//! A cluster of three masters that share the slots, each with a replica if asked.

use super::resp::Reply;
use super::server::{Options, Role};
use super::{Flavor, Server, wait_until};

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;

/// After so many milliseconds a node that is gone is missed.
const SOON: &str = "cluster-node-timeout 2000";
/// Never by mistake, however busy the machine is.
const LATE: &str = "cluster-node-timeout 20000";

pub(crate) struct Cluster {
    /// Masters, then the replicas in the same order.
    nodes: Vec<Server>,
}

impl Cluster {
    pub(crate) fn start(flavor: Flavor) -> Option<Self> {
        Self::of_nodes(flavor, MASTERS, SOON)
    }

    /// For many tests at once, of which none kills a node.
    pub(super) fn start_shared(flavor: Flavor) -> Option<Self> {
        Self::of_nodes(flavor, MASTERS, LATE)
    }

    /// Node 3 is the replica of node 0, and so on.
    pub(crate) fn start_with_replicas(flavor: Flavor) -> Option<Self> {
        Self::of_nodes(flavor, 2 * MASTERS, SOON)
    }

    fn of_nodes(flavor: Flavor, count: usize, timeout: &str) -> Option<Self> {
        let options = Options { lines: &[timeout], role: Role::ClusterNode, ..Options::default() };
        let nodes: Option<Vec<_>> = (0..count).map(|_| Server::start_with(flavor, options)).collect();
        let cluster = Self { nodes: nodes? };
        cluster.share_slots();
        cluster.introduce();
        cluster.attach_replicas();
        cluster.wait_until_ok();
        Some(cluster)
    }

    fn share_slots(&self) {
        for (i, master) in self.nodes[..MASTERS].iter().enumerate() {
            let (first, end) = (i * SLOTS / MASTERS, (i + 1) * SLOTS / MASTERS);
            let slots = [first.to_string(), (end - 1).to_string()];
            // Epochs of their own spare them a quarrel over who is right.
            assert_eq!(master.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(i + 1).to_string()]).text(), "OK");
            assert_eq!(master.command(&["CLUSTER", "ADDSLOTSRANGE", &slots[0], &slots[1]]).text(), "OK");
        }
    }

    fn introduce(&self) {
        // Everybody to everybody else: gossip would take its time.
        for (i, node) in self.nodes.iter().enumerate() {
            for other in &self.nodes[..i] {
                let (port, bus) = (other.port().to_string(), other.bus_port().to_string());
                assert_eq!(node.command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).text(), "OK");
            }
        }
    }

    fn attach_replicas(&self) {
        for (master, replica) in self.nodes.iter().zip(&self.nodes[MASTERS..]) {
            let id = master.command(&["CLUSTER", "MYID"]);
            let attached =
                || replica.command(&["CLUSTER", "REPLICATE", id.text()]) == Reply::Text("OK".into());
            wait_until("the replica knows its master", attached, || replica.log());
        }
    }

    /// Waits until every node knows all others and finds every slot served.
    pub(crate) fn wait_until_ok(&self) {
        let known = format!("cluster_known_nodes:{}", self.nodes.len());
        for (i, node) in self.nodes.iter().enumerate() {
            let told = || {
                let info = node.command(&["CLUSTER", "INFO"]);
                let told: Vec<_> = info.text().lines().map(str::to_owned).collect();
                told
            };
            let is_ok = || {
                let told = told();
                let has = |line: &str| told.iter().any(|l| l == line);
                has("cluster_state:ok") && has("cluster_slots_ok:16384") && has(&known)
            };
            wait_until("the cluster is ok", is_ok, || format!("node {i}: {:?}\n{}", told(), node.log()));
            if i >= MASTERS {
                let linked = || node.info("master_link_status") == "up";
                wait_until("the replica follows its master", linked, || node.log());
            }
        }
    }

    pub(crate) fn node(&self, i: usize) -> &Server {
        &self.nodes[i]
    }

    /// The masters' addresses.
    pub(crate) fn url(&self) -> String {
        let addresses: Vec<_> =
            self.nodes[..MASTERS].iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        format!("redis-cluster://{}", addresses.join(","))
    }
}
