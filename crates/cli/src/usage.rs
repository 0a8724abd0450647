//! Help, and wrong usage: what the command line's grammar says, ending with what to do.

use std::io::Write as _;
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::output::colours;

/// How clap ends an error.
const ENDING: &str = "For more information, try";

/// Prints what the grammar says, on the stream it belongs to.
pub(crate) fn explain(error: &clap::Error) -> ExitCode {
    let code = u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
    let coloured = if error.use_stderr() { colours::on_errors() } else { colours::on_output() };
    let rendered = error.render();
    let text = if coloured { rendered.ansi().to_string() } else { rendered.to_string() };
    let text = match text.split_once(ENDING) {
        Some((text, _)) => format!("{text}hint: the same command with --help explains what it takes\n"),
        None if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            format!(
                "error: a command is missing\n\n{text}\nhint: name one of the commands above; `onetape demo` is one to begin with\n"
            )
        }
        None => text,
    };
    // Where nobody reads it, there is nobody to tell.
    let _ = if error.use_stderr() {
        std::io::stderr().lock().write_all(text.as_bytes())
    } else {
        std::io::stdout().lock().write_all(text.as_bytes())
    };
    code
}
