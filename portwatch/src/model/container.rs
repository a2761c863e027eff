//! Container ids, from the cgroup paths that the runtimes choose.

/// Characters of an id that people and tools show.
pub const SHORT_ID: usize = 12;

/// The container that a cgroup path belongs to, the innermost if there are several: the id that
/// Docker, containerd, CRI-O and Podman put there, or an LXC container's name.
///
/// A path behind the container's own (of a service in it) counts; the runtime's monitor process
/// (`conmon`, `lxc.monitor`) does not, because it isn't in the container.
#[must_use]
pub fn container_id(cgroup: &str) -> Option<&str> {
    if cgroup.contains("conmon-") {
        return None;
    }
    let mut outer = cgroup.rsplit('/').skip(1);
    cgroup
        .rsplit('/')
        .find_map(|part| oci_id(part).or_else(|| lxc_name(part, outer.next())))
}

/// The first [`SHORT_ID`] characters of an id.
#[must_use]
pub fn short_id(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

/// `ID`, `docker-ID.scope`, `cri-containerd-ID.scope`, `SLICE:cri-containerd:ID`: what the
/// runtimes of the Open Container Initiative use ends in 64 hexadecimal digits.
fn oci_id(part: &str) -> Option<&str> {
    let name = part.strip_suffix(".scope").unwrap_or(part);
    let id = name.rsplit(['-', ':']).next()?;
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (id.len() == 64 && id.bytes().all(is_hex)).then_some(id)
}

/// `lxc.payload.NAME` since LXC 4, `lxc.payload/NAME` and `lxc/NAME` before.
fn lxc_name<'a>(part: &'a str, parent: Option<&str>) -> Option<&'a str> {
    let name = match part.strip_prefix("lxc.payload.") {
        Some(name) => name,
        None if matches!(parent, Some("lxc" | "lxc.payload")) => part,
        None => return None,
    };
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::{container_id, short_id};

    const ID: &str = "3f9a1c0d5e7b2468ace013579bdf02468ace13579bdf02468ace13579bdf0246";

    #[test]
    fn finds_the_id_in_every_runtimes_path() {
        let uid = "0a1b2c3d-1111-2222-3333-444455556666";
        for path in [
            format!("/docker/{ID}"),
            format!("/docker/{ID}/system.slice/nginx.service"),
            format!("/system.slice/docker-{ID}.scope"),
            format!("/system.slice/docker-{ID}.scope/init.scope"),
            format!("/kubepods/burstable/pod{uid}/{ID}"),
            format!("/kubepods.slice/kubepods-pod0a1b.slice/cri-containerd-{ID}.scope"),
            format!("/kubepods.slice/kubepods-besteffort.slice/crio-{ID}.scope"),
            format!("/system.slice/containerd.service/kubepods-pod0a1b.slice:cri-containerd:{ID}"),
            format!("/machine.slice/libpod-{ID}.scope/container"),
            format!("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope"),
            format!("/../../{ID}"),
            format!("/lxc.payload.outer/docker/{ID}"),
        ] {
            assert_eq!(container_id(&path), Some(ID), "{path}");
        }
        assert_eq!(short_id(ID), "3f9a1c0d5e7b");
    }

    #[test]
    fn finds_the_name_of_an_lxc_container() {
        for path in [
            "/lxc/web1",
            "/lxc.payload.web1",
            "/lxc.payload/web1/init.scope",
            "/lxc/web1/system.slice/nginx.service",
        ] {
            assert_eq!(container_id(path), Some("web1"), "{path}");
        }
        assert_eq!(short_id("web1"), "web1");
    }

    #[test]
    fn finds_nothing_elsewhere() {
        let monitor = format!("/machine.slice/libpod-conmon-{ID}.scope");
        let longer = format!("/docker/{ID}0");
        let upper = format!("/docker/{}", ID.to_uppercase());
        for path in [
            "",
            "/",
            "/init.scope",
            "/system.slice/docker.service",
            "/user.slice/user-1000.slice/session-1.scope",
            "/kubepods.slice/kubepods-pod0a1b2c3d.slice",
            "/lxc",
            "/lxc/",
            "/lxc.monitor.web1",
            &monitor,
            &longer,
            &upper,
        ] {
            assert_eq!(container_id(path), None, "{path}");
        }
    }
}
