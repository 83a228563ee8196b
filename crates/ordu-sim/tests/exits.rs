//! Who may end by itself, and why, where names and identities are borne twice: nodes that end for the wrong cause are
//! caught.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ordu_core::{
    ChildId, Command, Config, DialId, ExitCause, Input, MemberInfo, MemberState, NodeId, Now, Output, Time,
};
use ordu_sim::invariants::Violation;
use ordu_sim::{Fault, HostId, Machine, Setup, Simulation, Trace};

/// Dials whom it was told of, shows everybody it is connected with as a member that is ready, and ends when it is asked
/// for a child, whose id says why: because its name is taken, by whom it knows at the address of a host; because it was
/// removed; or because it is a clone.
#[derive(Debug)]
struct Quitter {
    config: Config,
    peers: BTreeMap<SocketAddr, NodeId>,
    outputs: VecDeque<Output>,
}

impl Machine for Quitter {
    fn boot(config: Config, _: NodeId, _: u64) -> Self {
        let others = config.seeds.iter().filter(|addr| **addr != config.addr);
        let dials = others.enumerate().map(|(dial, addr)| Output::Dial {
            dial: DialId(dial as u64),
            addr: *addr,
            timeout: Duration::from_secs(1),
        });
        Self {
            outputs: dials.collect(),
            peers: BTreeMap::new(),
            config,
        }
    }

    fn handle(&mut self, _: Now, input: Input) {
        match input {
            Input::Connected { peer, addr, .. } => {
                self.peers.insert(addr, peer);
                let info = MemberInfo {
                    id: peer,
                    name: self.config.name.clone(),
                    addr,
                    state: MemberState::Alive,
                    children: 0,
                };
                self.outputs.push_back(Output::Member {
                    node: peer,
                    info: Some(Arc::new(info)),
                });
            }
            Input::Request { command, .. } => {
                let cause = self.cause(command.child().1.as_str());
                self.outputs.push_back(Output::Exit { cause });
            }
            _ => {}
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}

impl Quitter {
    fn cause(&self, why: &str) -> ExitCause {
        match why.strip_prefix("taken-by-") {
            Some(host) => {
                let addr = HostId(host.parse().expect("a number")).addr();
                ExitCause::NameTaken {
                    name: self.config.name.clone(),
                    holder: self.peers[&addr],
                    addr,
                }
            }
            None if why == "removed" => ExitCause::Removed,
            None => ExitCause::Cloned,
        }
    }
}

const A: HostId = HostId(0);
const B: HostId = HostId(1);
const C: HostId = HostId(2);

fn cluster() -> Simulation<Quitter> {
    let mut cluster = Simulation::new(Setup::lan(3, 7), Trace::Off);
    cluster.boot_all();
    run(&mut cluster, 1);
    cluster
}

fn run(cluster: &mut Simulation<Quitter>, seconds: u64) {
    let length = Duration::from_secs(seconds);
    cluster.run_for(length).expect("nobody has ended yet");
}

/// The node of a host is set up anew.
fn becomes(cluster: &mut Simulation<Quitter>, host: HostId, what: Fault) {
    cluster.inflict(Fault::Crash(host));
    cluster.inflict(what);
    cluster.inflict(Fault::Boot(host));
    run(cluster, 1);
}

/// The node of a host ends.
fn ends(cluster: &mut Simulation<Quitter>, host: HostId, why: &str) -> Result<(), Violation> {
    let command = Command::StartChild {
        horde: Setup::horde(),
        id: ChildId::new(why).expect("valid"),
        spec: Arc::new(Setup::spec(0, 0)),
    };
    cluster.ask(host, command, Duration::from_secs(1)).map(|_| ())
}

fn is_unjust(ended: Result<(), Violation>) -> bool {
    ended.is_err_and(|violation| violation.invariant == "just-exits")
}

#[test]
fn a_name_is_taken_by_one_that_bears_it_and_lives() {
    let misnamed = || {
        let mut cluster = cluster();
        becomes(&mut cluster, C, Fault::Misname(C, A));
        cluster
    };
    assert!(ends(&mut misnamed(), C, "taken-by-0").is_ok());
    // Neither by one of another name, nor by one that is none of two.
    assert!(is_unjust(ends(&mut misnamed(), C, "taken-by-1")));
    assert!(is_unjust(ends(&mut cluster(), C, "taken-by-0")));
}

#[test]
fn a_name_is_not_taken_from_who_was_a_member_for_long() {
    let mut young = cluster();
    becomes(&mut young, C, Fault::Misname(C, A));
    assert!(ends(&mut young, A, "taken-by-2").is_ok());
    let mut old = cluster();
    run(&mut old, 25);
    becomes(&mut old, C, Fault::Misname(C, A));
    assert!(is_unjust(ends(&mut old, A, "taken-by-2")));
}

#[test]
fn one_is_removed_for_a_newer_one_of_its_name_that_was_taken_in() {
    let misnamed = || {
        let mut cluster = cluster();
        becomes(&mut cluster, C, Fault::Misname(C, A));
        cluster
    };
    assert!(ends(&mut misnamed(), A, "removed").is_ok());
    assert!(is_unjust(ends(&mut misnamed(), B, "removed")));
    // The newer one has no newer one.
    assert!(is_unjust(ends(&mut misnamed(), C, "removed")));
    // One that nobody took in replaces nobody.
    let mut alone = cluster();
    alone.inflict(Fault::Split(vec![vec![A, B], vec![C]]));
    becomes(&mut alone, C, Fault::Misname(C, A));
    assert!(is_unjust(ends(&mut alone, A, "removed")));
}

#[test]
fn one_is_a_clone_only_if_another_has_its_identity() {
    let mut with_clone = cluster();
    with_clone.inflict(Fault::Crash(C));
    with_clone.inflict(Fault::Clone(C, A));
    with_clone.inflict(Fault::Boot(C));
    with_clone
        .run_for(Duration::from_millis(10))
        .expect("nobody has ended yet");
    assert!(ends(&mut with_clone, C, "cloned").is_ok());
    assert!(is_unjust(ends(&mut cluster(), C, "cloned")));
}
