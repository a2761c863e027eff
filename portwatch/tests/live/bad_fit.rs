//! Kernels that do not fit: it is named what is missing, and nothing stays attached.

use std::{collections::BTreeSet, fs, io::Write, process::Command};

use tempfile::NamedTempFile;

use crate::support::{
    bpf_objects,
    event::Event,
    hooks::{self, HookSet},
    process::{Finished, finish, finish_while, portwatch, refuses},
    sandbox,
};

/// An end within moments in case the program does start.
const SHORT: [&str; 3] = ["watch", "--duration", "1s"];
/// Exit code of a kernel that can't run the tracer.
const KERNEL: i32 = 4;

fn with_hooks(hooks: &str) -> Command {
    portwatch(&[&SHORT[..], &["--hooks", hooks]].concat())
}

/// Runs the program to its end; none of its BPF objects may outlive it.
fn leaves_nothing(command: &mut Command) -> Finished {
    let mut objects = BTreeSet::new();
    let finished = finish_while(command, |pid| {
        objects.append(&mut bpf_objects::held_by(pid))
    });
    // One that ran for a while was surely seen with its objects.
    assert!(finished.code() != 0 || !objects.is_empty());
    bpf_objects::wait_for_end(&objects);
    finished
}

#[test]
fn without_type_information_it_names_the_kernel_option() {
    let finished = finish(sandbox::without_btf(&mut portwatch(&SHORT)));
    refuses(
        &finished,
        KERNEL,
        &["CONFIG_DEBUG_INFO_BTF", "portwatch doctor"],
    );
}

#[test]
fn where_the_kernel_refuses_programs_it_points_to_doctor() {
    let finished = leaves_nothing(sandbox::without_program_load(&mut portwatch(&SHORT)));
    refuses(&finished, KERNEL, &["portwatch doctor"]);
}

#[test]
fn a_hook_set_works_or_is_refused_for_the_reason_that_doctor_tells() {
    for HookSet { name, reason } in hooks::all() {
        let finished = leaves_nothing(&mut with_hooks(name));
        match reason {
            None => assert_eq!(finished.code(), 0, "{name}: {}", finished.stderr),
            Some(reason) => {
                let reason = reason.lines().next().expect("a line");
                refuses(&finished, KERNEL, &[reason, "portwatch doctor"]);
            }
        }
    }
}

/// The kernel's type information with another name for something.
fn without(name: &str) -> NamedTempFile {
    let mut btf = fs::read(sandbox::BTF).expect("the kernel's BTF");
    let whole = [b"\0", name.as_bytes(), b"\0"].concat();
    let at = btf.windows(whole.len()).position(|bytes| bytes == whole);
    btf[at.unwrap_or_else(|| panic!("{name} in the kernel's BTF")) + 1] = b'X';
    let mut file = NamedTempFile::new().expect("a file");
    file.write_all(&btf).expect("write");
    file
}

#[test]
fn a_structure_without_a_member_is_named_with_it() {
    for (structure, member) in [
        ("inet_timewait_sock", "tw_timer"),
        ("inet_sock", "inet_sport"),
        ("sock", "sk_protocol"),
    ] {
        let file = without(member);
        for hooks in hooks::usable() {
            let finished = leaves_nothing(sandbox::with_btf(&mut with_hooks(hooks), file.path()));
            refuses(&finished, KERNEL, &[structure, member, &release()]);
        }
    }
}

#[test]
fn a_missing_function_is_named_by_the_sets_that_need_it() {
    for function in ["inet_hash_connect", "inet_twsk_kill", "tcp_v4_destroy_sock"] {
        let file = without(function);
        for HookSet { name, reason } in hooks::all() {
            // Where there are no kprobes at all, that is told first.
            if name == "kprobe" && reason.is_some() {
                continue;
            }
            let finished = leaves_nothing(sandbox::with_btf(&mut with_hooks(name), file.path()));
            if name == "tracepoint" {
                assert_eq!(finished.code(), 0, "{}", finished.stderr);
            } else {
                refuses(&finished, KERNEL, &[function, &release()]);
            }
        }
    }
}

#[test]
fn a_missing_tracepoint_is_named() {
    let file = without("btf_trace_inet_sock_set_state");
    let finished = leaves_nothing(sandbox::with_btf(
        &mut with_hooks("tracepoint"),
        file.path(),
    ));
    refuses(
        &finished,
        KERNEL,
        &["inet_sock_set_state", "portwatch doctor"],
    );
}

#[test]
fn without_a_function_the_next_hook_set_is_taken() {
    let file = without("inet_hash_connect");
    let mut command = with_hooks("auto");
    let finished = finish(sandbox::with_btf(command.arg("--json"), file.path()));
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let started = Event::parse(finished.stdout.lines().next().expect("a line"));
    assert_eq!(started.text("hooks"), "tracepoint");
}

fn release() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").expect("the kernel's release");
    text.trim().to_owned()
}
