use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// `portwatch completions`
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// `portwatch man`
#[derive(Args, Debug)]
pub struct ManArgs {
    /// Directory to write the pages to; it has to exist
    #[arg(value_name = "DIRECTORY")]
    pub directory: PathBuf,
}
