//! Each in a thread of its own: that is what is confined.

use std::{
    fs::{self, File, OpenOptions},
    io,
    net::{TcpListener, UdpSocket},
    path::PathBuf,
    process::{Child, Command},
    thread,
};

use super::{Files, privileges, this_thread};
use crate::kernel::{
    host::Host,
    netns::{Netns, enter_new_netns, fixture::TestNetns},
};

/// `enum bpf_cmd` of include/uapi/linux/bpf.h.
const MAP_CREATE: libc::c_long = 0;
const MAP_LOOKUP: libc::c_long = 1;
const PROG_LOAD: libc::c_long = 5;
const OBJ_PIN: libc::c_long = 6;
const PROG_BY_ID: libc::c_long = 13;

fn inside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join()).unwrap()
}

/// Another process, outside of what is confined.
struct Sleep(Child);

impl Sleep {
    fn new() -> Self {
        Self(Command::new("sleep").arg("60").spawn().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.0.id()))
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The error number of bpf(2); none where it succeeds.
fn bpf(command: libc::c_long, attributes: &[u64; 16]) -> Option<i32> {
    // SAFETY: the kernel reads an attribute of the length that it is told.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            attributes.as_ptr(),
            size_of_val(attributes),
        )
    };
    let error = io::Error::last_os_error();
    if result < 0 {
        return error.raw_os_error();
    }
    // SAFETY: a descriptor that was just opened, if it is one.
    unsafe { libc::close(result as i32) };
    None
}

/// An array of one element: type 2, keys and values of four bytes.
fn array() -> [u64; 16] {
    let mut attributes = [0; 16];
    attributes[0] = 2 | 4 << 32;
    attributes[1] = 4 | 1 << 32;
    attributes
}

/// The shortest program there is, as a socket filter: return 0.
fn program(instructions: &[u64; 2]) -> [u64; 16] {
    let mut attributes = [0; 16];
    attributes[0] = 1 | 2 << 32;
    attributes[1] = instructions.as_ptr() as u64;
    attributes[2] = c"GPL".as_ptr() as u64;
    attributes
}

fn errno<T>(result: io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

#[test]
fn nothing_more_is_loaded() {
    let instructions = [0xb7, 0x95];
    let load = || bpf(PROG_LOAD, &program(&instructions));
    let create = || bpf(MAP_CREATE, &array());
    // The calls are well made: only the confinement stands in their way.
    assert_eq!((load(), create()), (None, None));
    inside(|| {
        privileges().unwrap();
        let refused = Some(libc::EPERM);
        assert_eq!((load(), create()), (refused, refused));
        assert_eq!(bpf(OBJ_PIN, &[0; 16]), refused);
        assert_eq!(bpf(PROG_BY_ID, &[0; 16]), refused);
        // This one the filter lets through: the kernel itself knows no such descriptor.
        let mut lookup = [0; 16];
        lookup[0] = u32::MAX.into();
        assert_eq!(bpf(MAP_LOOKUP, &lookup), Some(libc::EBADF));
    });
}

#[test]
fn nothing_is_executed_and_nothing_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "before").unwrap();
    inside(|| {
        privileges().unwrap();
        let refused = Some(libc::EPERM);
        assert_eq!(errno(Command::new("/bin/true").status()), refused);
        assert_eq!(errno(fs::write(&path, "after")), refused);
        assert_eq!(errno(File::create(directory.path().join("new"))), refused);
        assert_eq!(errno(OpenOptions::new().append(true).open(&path)), refused);
        assert_eq!(errno(enter_new_netns()), refused);
        assert_eq!(errno(TcpListener::bind("127.0.0.1:0")), refused);
        assert_eq!(errno(UdpSocket::bind("127.0.0.1:0")), refused);
        // SAFETY: signal 0 asks whether the process is there.
        assert_eq!(unsafe { libc::kill(1, 0) }, -1);
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
    });
}

#[test]
fn other_namespaces_of_the_network_can_be_entered_and_no_others() {
    let namespace = TestNetns::new();
    let other = File::open("/proc/self/ns/uts").unwrap();
    let process = Sleep::new();
    inside(|| {
        privileges().unwrap();
        let netns = namespace.into_inner();
        assert!(netns.run(|| ()).is_ok());
        assert!(Netns::open(&process.file("ns/net")).is_ok());
        let uts = rustix::thread::move_into_link_name_space(
            std::os::fd::AsFd::as_fd(&other),
            Some(rustix::thread::LinkNameSpaceType::HostNameAndNISDomainName),
        );
        assert_eq!(uts, Err(rustix::io::Errno::PERM));
    });
}

#[test]
fn the_thread_that_serves_reads_what_it_needs_and_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let (ours, sockets) = (directory.path().join("ours"), directory.path().join("run"));
    fs::create_dir(&ours).unwrap();
    fs::create_dir(&sockets).unwrap();
    for file in [
        ours.join("file"),
        directory.path().join("foreign"),
        sockets.join("socket"),
    ] {
        fs::write(file, "text").unwrap();
    }
    let namespace = TestNetns::new();
    let process = Sleep::new();
    // A file that is everywhere, and the same file by a way around.
    let program = std::env::current_exe().unwrap();
    let (comm, root) = (
        process.file("comm"),
        process.file(&format!("root{}", program.display())),
    );
    let links = process.file("ns/net");
    for file in [&comm, &root, &links] {
        assert!(File::open(file).is_ok(), "{}", file.display());
    }
    inside(|| {
        privileges().unwrap();
        this_thread(&Files {
            read: vec![ours.clone(), "/proc".into(), "/nonexistent".into()],
            remove: vec![sockets.clone()],
        })
        .unwrap();
        let denied = Some(libc::EACCES);
        assert_eq!(fs::read_to_string(ours.join("file")).unwrap(), "text");
        assert!(!fs::read_to_string(&comm).unwrap().is_empty());
        let moved = namespace.into_inner().run(|| ());
        assert_eq!(errno(moved), Some(libc::EPERM));
        if !Host::read().landlock {
            eprintln!("skipped: files outside of those, for the kernel has no Landlock");
            return;
        }
        assert_eq!(errno(File::open(directory.path().join("foreign"))), denied);
        assert_eq!(errno(File::open(&program)), denied);
        assert_eq!(errno(File::open(&root)), denied);
        assert_eq!(errno(File::open(&links)), denied);
        assert_eq!(errno(File::open(sockets.join("socket"))), denied);
        assert_eq!(errno(fs::remove_file(ours.join("file"))), denied);
        fs::remove_file(sockets.join("socket")).unwrap();
    });
}
