//! The completions that a package installs, loaded by the shells that they are for.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::root::Root;
use crate::support::process;

/// What is typed, and what it has to become.
const TYPED: &str = "expl";
const COMPLETED: &str = "explain";

/// Has each shell complete the beginning of a command.
///
/// # Errors
/// When one does not.
pub fn check(root: &Root) -> Result<()> {
    let file = |path: &str| root.path().join(path).display().to_string();
    let bash = format!(
        "source {}
        function=$(complete -p portwatch | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
        COMP_WORDS=(portwatch {TYPED}); COMP_CWORD=1
        $function portwatch {TYPED} portwatch
        echo \"${{COMPREPLY[*]}}\"",
        file("usr/share/bash-completion/completions/portwatch")
    );
    // Without a terminal zsh can only be asked whose completions it would take.
    let zsh = format!(
        "fpath=({} $fpath); autoload -Uz compinit; compinit -u -D
        [[ $_comps[portwatch] == _portwatch ]] && autoload +X _portwatch && functions _portwatch",
        file("usr/share/zsh/vendor-completions")
    );
    let fish = format!(
        "source {}; complete -C 'portwatch {TYPED}'",
        file("usr/share/fish/vendor_completions.d/portwatch.fish")
    );
    for (shell, arguments, script) in [
        ("bash", ["--norc", "-c"], bash),
        ("zsh", ["-f", "-c"], zsh),
        ("fish", ["--no-config", "-c"], fish),
    ] {
        let answer = process::stdout(Command::new(shell).args(arguments).arg(&script))
            .with_context(|| format!("{shell} can't load the completions"))?;
        if !answer.contains(COMPLETED) {
            bail!("{shell} does not complete {TYPED} to {COMPLETED}: {answer}");
        }
        println!("ok: {shell} completes portwatch");
    }
    Ok(())
}
