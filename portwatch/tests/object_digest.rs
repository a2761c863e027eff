//! The committed object has to be the one that its sources were compiled to.

use std::{fs, path::Path};

#[path = "../../xtask/src/digest.rs"]
mod digest;

#[test]
fn the_object_is_not_older_than_its_sources() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.parent().unwrap();
    let recorded = fs::read_to_string(package.join("ebpf/portwatch.bpf.o.digest")).unwrap();
    assert_eq!(
        recorded.trim_end(),
        digest::of_sources(root).unwrap(),
        "the kernel side's sources changed: run `cargo xtask build-ebpf` and commit the object"
    );
}
