use serde::{Deserialize, Serialize};

use super::container::container_id;

/// Where a process belongs, by its cgroup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// systemd unit that it runs in, outside of containers.
    pub unit: Option<String>,
    /// Container id.
    pub container: Option<String>,
    /// UID of the Kubernetes pod.
    pub pod: Option<String>,
}

impl Place {
    /// From a cgroup path.
    #[must_use]
    pub fn of_cgroup(path: &str) -> Self {
        let container = container_id(path).map(str::to_owned);
        let unit = match container {
            Some(_) => None,
            None => path.rsplit('/').find(|part| is_unit(part)),
        };
        Self {
            unit: unit.map(str::to_owned),
            pod: path.split('/').find_map(pod_uid),
            container,
        }
    }
}

/// What systemd names a process's own cgroup: a service, or a scope of a login or a container.
fn is_unit(part: &str) -> bool {
    part.ends_with(".service") || part.ends_with(".scope")
}

/// `podUID` of the cgroupfs driver, `kubepods-burstable-podUID.slice` of the systemd driver, which
/// writes an underscore for each hyphen. The UID of a static pod is a digest, without hyphens.
fn pod_uid(part: &str) -> Option<String> {
    let name = part.strip_suffix(".slice").unwrap_or(part);
    let uid = match name.rsplit_once("-pod") {
        Some((kube, uid)) if kube.starts_with("kubepods") => uid,
        _ => name.strip_prefix("pod")?,
    };
    let uid = uid.replace('_', "-");
    let digits = uid.bytes().filter(u8::is_ascii_hexdigit).count();
    let hyphens = uid.bytes().filter(|byte| *byte == b'-').count();
    let is_uid = digits == 32 && matches!(hyphens, 0 | 4) && uid.len() == digits + hyphens;
    is_uid.then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::Place;

    const ID: &str = "3f9a1c0d5e7b2468ace013579bdf02468ace13579bdf02468ace13579bdf0246";
    const UID: &str = "0a1b2c3d-1111-2222-3333-444455556666";

    fn place(path: &str) -> (Option<String>, Option<String>, Option<String>) {
        let Place {
            unit,
            container,
            pod,
        } = Place::of_cgroup(path);
        (unit, container, pod)
    }

    #[test]
    fn a_service_of_the_host() {
        let unit = Some("haproxy.service".to_owned());
        assert_eq!(place("/system.slice/haproxy.service"), (unit, None, None));
        let login = Some("session-3.scope".to_owned());
        let path = "/user.slice/user-1000.slice/session-3.scope";
        assert_eq!(place(path), (login, None, None));
        assert_eq!(place("/"), (None, None, None));
    }

    #[test]
    fn a_pod_of_either_driver() {
        let found = (None, Some(ID.to_owned()), Some(UID.to_owned()));
        let slice = UID.replace('-', "_");
        for path in [
            format!("/kubepods/burstable/pod{UID}/{ID}"),
            format!("/kubepods.slice/kubepods-pod{slice}.slice/cri-containerd-{ID}.scope"),
            format!(
                "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{slice}.slice/crio-{ID}.scope"
            ),
        ] {
            assert_eq!(place(&path), found, "{path}");
        }
        let digest = "0123456789abcdef0123456789abcdef";
        let path = format!("/kubepods/pod{digest}/{ID}");
        assert_eq!(place(&path).2.as_deref(), Some(digest));
        assert_eq!(place("/machine.slice/podman-1.scope").2, None);
        assert_eq!(place("/podium").2, None);
    }
}
