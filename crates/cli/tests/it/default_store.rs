//! The store of those who name none, and who may name another.

use crate::support::Home;

const ASK: [&str; 3] = ["query", "trades", "demo:ETH/USDT"];

#[test]
fn a_question_to_a_store_that_is_not_there_says_how_to_fill_it_and_makes_nothing() {
    let home = Home::new();
    for args in [&ASK[..], &["status"], &["doctor"], &["maintain"], &["db", "status"], &["db", "migrate"]] {
        let ran = home.onetape(args);
        assert!(ran.code == 1 && ran.err.contains("onetape.db"), "{args:?}: {}", ran.err);
        assert!(ran.err.contains("hint: `onetape demo` or `onetape replay FILES`"), "{args:?}: {}", ran.err);
    }
    assert_eq!(std::fs::read_dir(home.path()).expect("read").count(), 0);
}

#[test]
fn a_flag_goes_before_the_environment_that_before_the_config_and_that_before_the_default() {
    let home = Home::new();
    let demo = |variables: &[(&str, &str)], more: &[&str]| {
        let ran = home.onetape_with(variables, &[&["demo", "--format", "json"], more].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(
            ran.err.contains("default store"),
            more.is_empty() && variables.is_empty() && !home.path().join("onetape.toml").exists()
        );
    };
    let made = |name: &str| home.path().join(name).is_file();
    demo(&[], &[]);
    assert!(made(".local/share/onetape/onetape.db"));
    home.write("onetape.toml", "store = \"sqlite://configured.db\"\n");
    demo(&[], &[]);
    assert!(made("configured.db") && !made("environment.db"));
    let environment = [("ONETAPE_STORE", "sqlite://environment.db")];
    demo(&environment, &[]);
    assert!(made("environment.db") && !made("flag.db"));
    demo(&environment, &["--store", "sqlite://flag.db"]);
    assert!(made("flag.db"));
}

#[test]
fn without_a_home_or_a_folder_it_is_said_what_to_do() {
    let home = Home::new();
    let homeless = home.onetape_with(&[("HOME", "")], &["demo"]);
    assert_eq!(homeless.code, 1);
    assert!(
        homeless.err.contains("XDG_DATA_HOME") && homeless.err.contains("--store sqlite://FILE"),
        "{}",
        homeless.err
    );
    // A file where a folder must be: nobody can make one there, not even the administrator.
    let file = home.write("file", "");
    let stuck = home.onetape_with(&[("XDG_DATA_HOME", file.to_str().expect("text"))], &["demo"]);
    assert_eq!(stuck.code, 1);
    assert!(
        stuck.err.contains("cannot be made") && stuck.err.contains("hint: name another place"),
        "{}",
        stuck.err
    );
}

#[test]
fn settings_of_a_store_are_those_of_its_kind() {
    let home = Home::new();
    let settings = |store: &[&str]| home.onetape(&[&["db", "settings"], store].concat()).ok();
    assert!(!settings(&[]).contains("compress_after"));
    assert!(settings(&["--store", "postgres://localhost/x"]).contains("compress_after"));
}

#[test]
fn db_setup_makes_the_default_store() {
    let home = Home::new();
    home.onetape(&["db", "setup"]).ok();
    let status = home.onetape(&["status"]).ok();
    assert!(status.contains("nothing is stored yet"), "{status}");
    let doctor = home.onetape(&["doctor"]).ok();
    assert!(doctor.contains("the file is whole"), "{doctor}");
}
