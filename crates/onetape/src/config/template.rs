//! A file that says everything and sets nothing.

use std::fmt::Write as _;

use super::keys::{KEYS, Key, Values};

const HEAD: &str = "\
# Settings of onetape. Each line that is commented out shows its default.
#
# What a command is given goes before the environment, that before this file. `onetape config show` prints
# what holds and where it comes from. Periods are numbers with ms, s, m, h or d.
";

/// The text of the file.
pub(super) fn text() -> String {
    let defaults = Values::defaults();
    let mut text = HEAD.to_owned();
    let mut section = "";
    for key in KEYS {
        let (place, _) = key.place();
        if place != section {
            section = place;
            let _ = write!(text, "\n[{section}]\n");
        }
        write_key(&mut text, key, &defaults);
    }
    text
}

fn write_key(text: &mut String, key: &Key, defaults: &Values) {
    let value = key.example.map_or_else(|| (key.show)(defaults), str::to_owned);
    let value = if key.is_number() { value } else { format!("\"{value}\"") };
    let (_, name) = key.place();
    text.push('\n');
    for line in wrapped(key.about) {
        let _ = writeln!(text, "# {line}");
    }
    let _ = writeln!(text, "# {} in the environment.\n# {name} = {value}", key.variable());
}

/// Words in lines that an editor shows whole.
fn wrapped(about: &str) -> Vec<String> {
    const WIDTH: usize = 100;
    let mut lines = vec![String::new()];
    for word in about.split_whitespace() {
        let Some(line) = lines.last_mut() else { continue };
        if line.len() + word.len() >= WIDTH {
            lines.push(word.to_owned());
        } else {
            let gap = if line.is_empty() { "" } else { " " };
            let _ = write!(line, "{gap}{word}");
        }
    }
    if let Some(line) = lines.last_mut() {
        line.push('.');
    }
    lines
}
