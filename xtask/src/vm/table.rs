//! `docs/kernels.md`: what a run over all kernels found.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result};

use super::{HOOK_SETS, boots::Tested, budget, verdict::Verdict};

const FILE: &str = "docs/kernels.md";

const HEAD: &str = "\
# Kernels

What `cargo xtask vm --write-table` found; it wrote this page. Each kernel is Debian's own, booted in
a virtual machine once for each hook set, with all unit and end to end tests inside; those that
attach no hooks, or for which one hook set is as good as another, run with the last one only. `-`: not
run with this kernel side yet.

";

const INSTRUCTIONS: &str = "
## Instructions that the verifier walked

At load, for each program; the effort, and with it the time that a start takes, depends on the
kernel. `-`: the kernel does not tell (before 5.16). The last column is what the run allows.
";

/// Writes the page into the checkout at `root`.
///
/// # Errors
/// When that fails.
pub fn write(root: &Path, tested: &[Tested]) -> Result<()> {
    let file = root.join(FILE);
    let directory = file.parent().unwrap_or(root);
    fs::create_dir_all(directory).with_context(|| format!("creating {}", directory.display()))?;
    fs::write(&file, page(tested)).with_context(|| format!("writing {}", file.display()))?;
    println!("wrote {FILE}");
    Ok(())
}

fn page(tested: &[Tested]) -> String {
    let mut kernels: Vec<&str> = tested.iter().map(|one| &one.kernel[..]).collect();
    kernels.dedup();
    let find = |kernel: &str, hooks: &str| {
        tested
            .iter()
            .find(|one| one.kernel == kernel && one.hooks == hooks)
    };
    let mut page = HEAD.to_owned();
    row(
        &mut page,
        ["kernel", "release"].into_iter().chain(HOOK_SETS),
    );
    row(&mut page, ["---"; 2 + HOOK_SETS.len()]);
    for &kernel in &kernels {
        let all = HOOK_SETS.map(|hooks| find(kernel, hooks));
        let release = all
            .iter()
            .flatten()
            .find_map(|one| one.outcome.release.as_deref());
        let release = release.unwrap_or("-");
        let mut cells = vec![kernel.to_owned(), release.to_owned()];
        cells.extend(all.map(|one| one.map_or_else(|| "-".to_owned(), |one| cell(&one.verdict))));
        row(&mut page, &cells);
    }
    page += INSTRUCTIONS;
    for hooks in HOOK_SETS {
        let of_set = tested.iter().filter(|one| one.hooks == hooks);
        let programs: BTreeSet<String> = of_set
            .flat_map(|one| one.outcome.programs_of(hooks))
            .map(|(program, _)| program)
            .collect();
        if programs.is_empty() {
            continue;
        }
        let _ = write!(page, "\n### {hooks}\n\n");
        row(
            &mut page,
            ["program"]
                .into_iter()
                .chain(kernels.iter().copied())
                .chain(["budget"]),
        );
        row(&mut page, vec!["---"; kernels.len() + 2]);
        for program in &programs {
            let mut cells = vec![format!("`{program}`")];
            for kernel in &kernels {
                let one = find(kernel, hooks);
                let count = one.and_then(|one| one.outcome.instructions(hooks, program));
                cells.push(count.map_or_else(|| "-".to_owned(), |count| count.to_string()));
            }
            let budget = budget::of(program);
            cells.push(budget.map_or_else(|| "-".to_owned(), |budget| budget.to_string()));
            row(&mut page, &cells);
        }
    }
    page
}

/// One line: a table has no room for a verifier's log.
fn cell(verdict: &Verdict) -> String {
    let text = match verdict {
        Verdict::Passed(tests) => format!("loads, {tests} tests passed"),
        Verdict::Failed(reason) => format!("FAILED: {reason}"),
        Verdict::Unusable(reason) => format!("no: {reason}"),
    };
    text.lines().next().unwrap_or_default().replace('|', "\\|")
}

fn row(page: &mut String, cells: impl IntoIterator<Item = impl AsRef<str>>) {
    page.push('|');
    for cell in cells {
        let _ = write!(page, " {} |", cell.as_ref());
    }
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::{Tested, Verdict, page};
    use crate::vm::outcome::Outcome;

    #[test]
    fn a_kernel_is_a_line_and_a_program_too() {
        let set = json!({ "name": "kprobe", "usable": true,
            "programs": [{ "name": "leave", "verified_insns": 812 }] });
        let one = |kernel: &str, hooks, verdict, sets| Tested {
            kernel: kernel.to_owned(),
            hooks,
            verdict,
            outcome: Outcome {
                release: Some(format!("{kernel}.1")),
                doctor: Some(json!({ "hook_sets": sets })),
                ..Outcome::default()
            },
            time: Duration::ZERO,
        };
        let refused = Verdict::Unusable("a | b\nmore".to_owned());
        let page = page(&[
            one("5.10", "kprobe", refused, vec![]),
            one("6.12", "kprobe", Verdict::Passed(9), vec![set]),
        ]);
        for line in [
            "| kernel | release | fentry | kprobe | tracepoint |",
            "| 5.10 | 5.10.1 | - | no: a \\| b | - |",
            "| 6.12 | 6.12.1 | - | loads, 9 tests passed | - |",
            "### kprobe",
            "| program | 5.10 | 6.12 | budget |",
            "| `leave` | - | 812 | - |",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
        assert!(!page.contains("### fentry"));
    }
}
