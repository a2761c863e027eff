//! `portwatch completions` and `portwatch man`: the command line, written down for shells and readers.

use std::{
    fs,
    io::{self, Write as _},
};

use anyhow::{Context, Result};
use clap_mangen::Man;

use crate::{
    cli::{self, CompletionsArgs, ManArgs},
    exit::Exit,
};

/// Prints the script that completes portwatch's command line in a shell.
///
/// # Errors
/// When it can't be written.
pub fn completions(args: &CompletionsArgs) -> Result<Exit> {
    // The generator panics where its output takes nothing, and a pipe may be closed.
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut cli::declaration(),
        "portwatch",
        &mut script,
    );
    io::stdout().write_all(&script).context("cannot write")?;
    Ok(Exit::Ok)
}

/// Writes a man page of the program, and one of each command.
///
/// # Errors
/// When a file can't be written.
pub fn man(args: &ManArgs) -> Result<Exit> {
    let mut program = cli::declaration().disable_help_subcommand(true);
    // It gives the commands their full names.
    program.build();
    for command in program.get_subcommands().chain([&program]) {
        let man =
            Man::new(command.clone()).source(concat!("portwatch ", env!("CARGO_PKG_VERSION")));
        let file = args.directory.join(man.get_filename());
        page(&man, command)
            .and_then(|page| fs::write(&file, page))
            .with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(Exit::Ok)
}

fn page(man: &Man, command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if command.get_after_help().is_some() {
        let mut notes = Vec::new();
        man.render_extra_section(&mut notes)?;
        // Its columns would run into each other if it were filled as a paragraph is.
        let notes = String::from_utf8_lossy(&notes).replacen(".SH EXTRA\n", ".SH NOTES\n.nf\n", 1);
        page.extend_from_slice(notes.trim_end().as_bytes());
        page.extend_from_slice(b"\n.fi\n");
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap_complete::Shell;

    use super::{ManArgs, cli, man};

    #[test]
    fn every_command_has_a_page() {
        let directory = tempfile::tempdir().unwrap();
        let to = directory.path().to_owned();
        man(&ManArgs { directory: to }).unwrap();
        for command in cli::declaration().get_subcommands() {
            let name = format!("portwatch-{}.1", command.get_name());
            let page = fs::read_to_string(directory.path().join(&name)).unwrap();
            assert!(page.contains(".SH SYNOPSIS"), "{name}: {page}");
        }
        assert!(directory.path().join("portwatch.1").is_file());
    }

    #[test]
    fn a_missing_directory_is_named() {
        let directory = "/nonexistent/pages".into();
        let error = man(&ManArgs { directory }).unwrap_err();
        assert!(format!("{error:#}").contains("/nonexistent/pages"));
    }

    #[test]
    fn every_shell_completes_every_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut cli::declaration(), "portwatch", &mut script);
            let script = String::from_utf8(script).unwrap();
            for command in cli::declaration().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}");
            }
        }
    }
}
