//! Which BPF objects a process holds, and which still exist after it.

use std::{collections::BTreeSet, fs, io};

use super::wait;

/// A kind of BPF object and its identifier, unique for the uptime of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    /// `BPF_*_GET_FD_BY_ID` of `enum bpf_cmd`, include/uapi/linux/bpf.h.
    open: libc::c_long,
    id: u32,
}

/// What the open files of a process refer to; nothing once it is gone.
pub fn held_by(pid: u32) -> BTreeSet<Object> {
    let directory = fs::read_dir(format!("/proc/{pid}/fdinfo"));
    let entries = directory.into_iter().flatten();
    let texts = entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
    texts
        .flat_map(|text| text.lines().filter_map(object).collect::<Vec<_>>())
        .collect()
}

/// Waits until none of the objects is left: the kernel frees them after a grace period.
pub fn wait_for_end(objects: &BTreeSet<Object>) {
    wait::until("the end of every BPF object", wait::SOON, || {
        let left = objects.iter().filter(|object| exists(**object)).count();
        (left == 0).then_some(())
    });
}

/// True while the object is loaded, attached or pinned by anybody.
pub fn exists(object: Object) -> bool {
    // Of `union bpf_attr` these commands read three words: identifier, next identifier, flags.
    let attributes = [object.id, 0, 0];
    // SAFETY: the kernel reads `size_of_val(&attributes)` bytes of a value that lives on.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            object.open,
            &raw const attributes,
            size_of_val(&attributes),
        )
    };
    let Ok(descriptor) = i32::try_from(result) else {
        panic!("bpf(2) returned {result}");
    };
    if descriptor < 0 {
        let error = io::Error::last_os_error();
        assert_eq!(error.kind(), io::ErrorKind::NotFound, "{object:?}: {error}");
        return false;
    }
    // SAFETY: the descriptor was just opened and nobody else knows it.
    unsafe { libc::close(descriptor) };
    true
}

fn object(line: &str) -> Option<Object> {
    let (key, value) = line.split_once(':')?;
    let open = match key {
        "prog_id" => 13,
        "map_id" => 14,
        "link_id" => 30,
        _ => return None,
    };
    Some(Object {
        open,
        id: value.trim().parse().ok()?,
    })
}
