//! `BPF_MAP_LOOKUP_BATCH` (since 5.6): a whole hash map in a few system calls. aya has the
//! element-wise walk only, which costs two calls an element and starts anew when its element goes.

use std::{
    io,
    os::fd::{AsFd, AsRawFd},
};

use zerocopy::{FromBytes, IntoBytes};

/// `enum bpf_cmd`, include/uapi/linux/bpf.h.
const BPF_MAP_LOOKUP_BATCH: libc::c_int = 24;
/// Elements a call at first; more where one bucket holds more.
const CHUNK: usize = 4096;

/// `union bpf_attr`, the member `batch`.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// Hands every element of a hash map to `each`. Elements that come and go meanwhile may be met or
/// not; one that stays is met once.
///
/// # Errors
/// When the kernel refuses a call.
pub(super) fn for_each<K, V>(map: impl AsFd, mut each: impl FnMut(K, V)) -> io::Result<()>
where
    K: FromBytes + IntoBytes + Copy,
    V: FromBytes + IntoBytes + Copy,
{
    let fd = map.as_fd().as_raw_fd() as u32;
    let mut chunk = CHUNK;
    let mut keys: Vec<K> = Vec::new();
    let mut values: Vec<V> = Vec::new();
    let (mut cursor, mut next) = (0_u32, 0_u32);
    let mut first = true;
    loop {
        keys.resize(chunk, K::new_zeroed());
        values.resize(chunk, V::new_zeroed());
        let mut attributes = Attributes {
            in_batch: if first {
                0
            } else {
                (&raw const cursor).expose_provenance() as u64
            },
            out_batch: (&raw mut next).expose_provenance() as u64,
            keys: keys.as_mut_ptr().expose_provenance() as u64,
            values: values.as_mut_ptr().expose_provenance() as u64,
            count: chunk as u32,
            map_fd: fd,
            ..Attributes::default()
        };
        // SAFETY: the kernel writes at most `count` keys and values of the map's own sizes, which
        // are those of `K` and `V`, and one `u32` to `out_batch`; every address that it is given is
        // exposed, so that the compiler expects its writes.
        let result = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                BPF_MAP_LOOKUP_BATCH,
                &raw mut attributes,
                size_of::<Attributes>(),
            )
        };
        let error = (result < 0).then(io::Error::last_os_error);
        let last = match error {
            None => false,
            Some(error) => match error.raw_os_error() {
                Some(libc::ENOENT) => true,
                Some(libc::ENOSPC) if chunk < 1 << 20 => {
                    chunk *= 2;
                    continue;
                }
                Some(libc::EINTR | libc::EAGAIN) => continue,
                _ => return Err(error),
            },
        };
        let count = (attributes.count as usize).min(chunk);
        for (key, value) in keys[..count].iter().zip(&values[..count]) {
            each(*key, *value);
        }
        if last {
            return Ok(());
        }
        first = false;
        cursor = next;
    }
}
