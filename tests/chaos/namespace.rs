//! A network namespace: another machine, as far as packets can tell, with a wire to this one that can be cut.

use std::process::Command;

/// A namespace with a wire to it; both are gone when it is dropped.
pub(crate) struct Namespace {
    name: String,
    /// This machine's end of the wire.
    wire: String,
    subnet: u8,
}

impl Namespace {
    /// `None` where this process may not make one. Each test has a subnet of its own, `10.211.SUBNET.0/24`, since tests run at the same time.
    pub(crate) fn make(subnet: u8) -> Option<Self> {
        let id = std::process::id();
        let (name, wire, inner) = (format!("chaos{subnet}-{id}"), format!("o{subnet}-{id}"), format!("i{subnet}-{id}"));
        ip(&["netns", "add", &name]).then_some(())?;
        let made = Self { name, wire, subnet };
        let (name, wire) = (&made.name, &made.wire);
        let is_ready = ip(&["link", "add", wire, "type", "veth", "peer", "name", &inner, "netns", name])
            && ip(&["addr", "add", &format!("{}/24", made.outside()), "dev", wire])
            && ip(&["link", "set", wire, "up"])
            && ip(&["-n", name, "addr", "add", &format!("{}/24", made.inside()), "dev", &inner])
            && ip(&["-n", name, "link", "set", &inner, "up"])
            && ip(&["-n", name, "link", "set", "lo", "up"]);
        is_ready.then_some(made)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The address of this machine's end of the wire.
    pub(crate) fn outside(&self) -> String {
        format!("10.211.{}.1", self.subnet)
    }

    /// The address of the namespace's end.
    pub(crate) fn inside(&self) -> String {
        format!("10.211.{}.2", self.subnet)
    }

    /// From now on nothing leaves it; what is sent to it arrives.
    pub(crate) fn mute(&self) {
        assert!(ip(&["-n", &self.name, "route", "add", "blackhole", &format!("{}/32", self.outside())]));
    }

    pub(crate) fn unmute(&self) {
        assert!(ip(&["-n", &self.name, "route", "del", "blackhole", &format!("{}/32", self.outside())]));
    }

    /// Pulls the plug: nothing passes either way, and neither side is told.
    pub(crate) fn unplug(&self) {
        assert!(ip(&["link", "set", &self.wire, "down"]));
    }

    pub(crate) fn plug(&self) {
        assert!(ip(&["link", "set", &self.wire, "up"]));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // The wire goes with it.
        ip(&["netns", "del", &self.name]);
    }
}

fn ip(arguments: &[&str]) -> bool {
    Command::new("ip").args(arguments).output().is_ok_and(|output| output.status.success())
}
