//! Colours where they are wanted: on terminals, unless the environment says otherwise.

use std::ffi::OsString;
use std::io::IsTerminal;

use onetape::domain::quality::Tier;

/// What a text means, as a colour of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tint {
    /// As it should be.
    Good,
    /// Worth a look.
    Fair,
    /// Not as it should be.
    Bad,
}

impl From<Tier> for Tint {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Excellent | Tier::Good => Self::Good,
            Tier::Fair => Self::Fair,
            Tier::NoData | Tier::Expired => Self::Bad,
        }
    }
}

/// Whether standard output is to be coloured.
pub(crate) fn on_output() -> bool {
    wanted(std::io::stdout().is_terminal(), |name| std::env::var_os(name))
}

/// Whether standard error is to be coloured.
pub(crate) fn on_errors() -> bool {
    wanted(std::io::stderr().is_terminal(), |name| std::env::var_os(name))
}

/// By <https://no-color.org> and <https://bixense.com/clicolors>.
fn wanted(is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if set("NO_COLOR").is_some() {
        return false;
    }
    if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    let refused = set("CLICOLOR").is_some_and(|value| value == "0");
    let dumb = set("TERM").is_some_and(|value| value == "dumb");
    is_terminal && !refused && !dumb
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_goes_before_clicolor_force_and_that_before_the_terminal() {
        /// On a terminal or not, variables, whether colours are wanted.
        type Case = (bool, &'static [(&'static str, &'static str)], bool);
        let cases: [Case; 9] = [
            (true, &[], true),
            (false, &[], false),
            (true, &[("NO_COLOR", "1")], false),
            (true, &[("NO_COLOR", "")], true),
            (false, &[("CLICOLOR_FORCE", "1")], true),
            (false, &[("CLICOLOR_FORCE", "0")], false),
            (false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
            (true, &[("CLICOLOR", "0")], false),
            (true, &[("TERM", "dumb")], false),
        ];
        for (is_terminal, variables, want) in cases {
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
            };
            assert_eq!(wanted(is_terminal, variable), want, "{is_terminal} {variables:?}");
        }
    }
}
