//! What the environment makes of a missing server, seen from outside: by the program `onetape-testdb`.

use std::process::{Command, Output};

use tempfile::TempDir;

/// The program, where no kind of server can be had: its home cannot be made, and no engine answers.
fn without_any_server(variables: &[(&str, &str)]) -> Output {
    let nothing = TempDir::new().unwrap();
    Command::new(env!("CARGO_BIN_EXE_onetape-testdb"))
        .env_remove("ONETAPE_TEST_DATABASE_URL")
        .env_remove("ONETAPE_TEST_DB")
        .env_remove("ONETAPE_DB_ENGINE")
        .env("ONETAPE_DB_HOME", "/dev/null/nowhere")
        .env("ONETAPE_DB_STATE", nothing.path())
        .env("DOCKER_HOST", "unix:///dev/null/nowhere")
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_missing_server_is_a_skip_of_one_line() {
    let output = without_any_server(&[]);
    let said = stderr(&output);
    assert!(output.status.success() && output.stdout.is_empty(), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.starts_with("SKIPPED, no test database: no TimescaleDB can be had here: container: "),
        "{said}"
    );
    assert!(said.contains("; local server: cannot create /dev/null/nowhere"), "{said}");
}

#[test]
fn off_looks_for_none() {
    let output = without_any_server(&[("ONETAPE_TEST_DB", "off")]);
    assert!(output.status.success());
    assert_eq!(stderr(&output), "SKIPPED, no test database: ONETAPE_TEST_DB=off\n");
}

#[test]
fn without_node_there_is_no_webassembly_server() {
    let wasm = [("ONETAPE_DB_ENGINE", "wasm"), ("PATH", "/nowhere")];
    let output = without_any_server(&wasm);
    let said = stderr(&output);
    assert!(output.status.success() && output.stdout.is_empty(), "{said}");
    assert_eq!(
        said,
        "SKIPPED, no test database: a WebAssembly server needs Node.js and npm, and node is not installed\n"
    );
    let required = without_any_server(&[wasm[0], wasm[1], ("ONETAPE_TEST_DB", "required")]);
    assert!(!required.status.success(), "{}", stderr(&required));
}

#[test]
fn a_required_server_that_is_missing_panics() {
    let output = without_any_server(&[("ONETAPE_TEST_DB", "required")]);
    let said = stderr(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("a test database is required (ONETAPE_TEST_DB=required), but: "), "{said}");
}

#[test]
fn a_named_server_that_does_not_answer_panics() {
    let output =
        without_any_server(&[("ONETAPE_TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:1/postgres")]);
    let said = stderr(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("no usable server answers at ONETAPE_TEST_DATABASE_URL: "), "{said}");
}

#[test]
fn a_misspelt_policy_panics() {
    let output = without_any_server(&[("ONETAPE_TEST_DB", "require")]);
    let said = stderr(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("it can be `required` or `off`"), "{said}");
}

#[tokio::test]
async fn a_named_server_is_used() {
    let Some(server) = onetape_testdb::server().await else {
        return;
    };
    let output = without_any_server(&[("ONETAPE_TEST_DATABASE_URL", server.url())]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), server.url(), "{}", stderr(&output));
}
