//! Precedence, places, faults and the sample.

use super::*;

const POOR: &[(&str, &str)] = &[];

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, text).expect("written");
        path
    }

    fn load(&self, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::load_in(Surroundings::made_up(variables, self.path()), None)
    }

    fn faults(&self, text: &str) -> Vec<Fault> {
        self.file("onetape.toml", text);
        match self.load(POOR) {
            Err(ConfigError::File { faults, .. }) => faults,
            other => panic!("no faults in {text:?}: {other:?}"),
        }
    }
}

#[test]
fn the_caller_goes_before_the_environment_that_before_the_file_that_before_the_default() {
    let folder = Folder::new();
    let file = folder.file(
        "onetape.toml",
        "[pipeline]\nbatch_size = 7\nretry_for = \"1m\"\n\n[provider]\nmax_limit = 500\n",
    );
    let mut config = folder
        .load(&[("ONETAPE_PIPELINE_RETRY_FOR", "2m"), ("ONETAPE_PROVIDER_MAX_LIMIT", "600")])
        .expect("config");
    config.set("provider.max_limit", "800", "--limit").expect("set");
    assert_eq!(config.pipeline().batch_size, 7);
    assert_eq!(config.pipeline().retry_for, Duration::from_secs(120));
    assert_eq!(config.provider().max_limit, 800);
    let origins = ["pipeline.batch_size", "pipeline.retry_for", "provider.max_limit", "pipeline.feed_chunk"]
        .map(|name| config.origin(name).to_string());
    assert_eq!(
        origins,
        [
            &format!("{}:2", file.display()),
            "ONETAPE_PIPELINE_RETRY_FOR in the environment",
            "--limit",
            "default"
        ]
    );
    assert_eq!(config.settings().len(), KEYS.len());
}

#[test]
fn a_named_file_goes_before_the_one_here_and_that_before_the_users() {
    let folder = Folder::new();
    let home = folder.path().join("home").display().to_string();
    let environment = [("HOME", home.as_str())];
    let exchange = |config: Config| config.default_exchange().to_string();
    assert_eq!(folder.load(&environment).expect("config").file(), None);
    folder.file("home/.config/onetape/onetape.toml", "default_exchange = \"users\"\n");
    assert_eq!(exchange(folder.load(&environment).expect("config")), "users");
    folder.file("onetape.toml", "default_exchange = \"here\"\n");
    assert_eq!(exchange(folder.load(&environment).expect("config")), "here");
    let named = folder.file("named", "default_exchange = \"named\"\n").display().to_string();
    assert_eq!(exchange(folder.load(&[("ONETAPE_CONFIG", &named)]).expect("config")), "named");
    let missing = folder.load(&[("ONETAPE_CONFIG", "/no/such/file")]).expect_err("no file");
    assert!(missing.to_string().contains("/no/such/file cannot be read"), "{missing}");
}

#[test]
fn the_default_store_is_in_the_users_data_folder() {
    let folder = Folder::new();
    let store = |variables: &[(&str, &str)]| {
        folder.load(variables).expect("config").store().map(|store| store.to_string())
    };
    assert_eq!(
        store(&[("HOME", "/home/u")]).expect("store"),
        "sqlite:/home/u/.local/share/onetape/onetape.db"
    );
    assert_eq!(
        store(&[("HOME", "/home/u"), ("XDG_DATA_HOME", "/data")]).expect("store"),
        "sqlite:/data/onetape/onetape.db"
    );
    // The specification has relative paths ignored.
    assert_eq!(
        store(&[("HOME", "/home/u"), ("XDG_DATA_HOME", "data")]).expect("store"),
        "sqlite:/home/u/.local/share/onetape/onetape.db"
    );
    let homeless = store(&[("HOME", "")]).expect_err("no place");
    assert!(homeless.to_string().contains("HOME"), "{homeless}");
    assert_eq!(store(&[("ONETAPE_STORE", "memory:")]).expect("store"), "memory:");
    assert_eq!(
        store(&[("ONETAPE_STORE", ""), ("HOME", "/h")]).expect("store"),
        "sqlite:/h/.local/share/onetape/onetape.db"
    );
}

#[test]
fn a_file_of_a_store_is_beside_the_file_that_names_it() {
    let folder = Folder::new();
    folder.file("onetape.toml", "store = \"sqlite://market.db\"\n");
    let config = folder.load(POOR).expect("config");
    assert_eq!(config.store().expect("store"), StoreUrl::Sqlite(folder.path().join("market.db")));
    assert!(!config.is_default_store());
    let elsewhere = folder.load(&[("ONETAPE_STORE", "sqlite://other.db")]).expect("config");
    assert_eq!(elsewhere.store().expect("store"), StoreUrl::Sqlite("other.db".into()));
}

#[test]
fn every_fault_of_a_file_is_told_with_its_line_and_what_was_meant() {
    let folder = Folder::new();
    let text = "stroe = \"memory:\"\ndefault_exchange = \"No Such\"\n\n[pipeline]\nbatch_sise = 5\nretry_for = 5\nbatch_size = 0\nfeed_chunk = [1]\n[pipe]\nx = 1\n[zebra]\n";
    let faults = folder.faults(text);
    let told: Vec<String> = faults.iter().map(|Fault { line, reason }| format!("{line} {reason}")).collect();
    assert_eq!(
        told,
        [
            "1 stroe is no setting: did you mean store?",
            "5 pipeline.batch_sise is no setting: did you mean pipeline.batch_size?",
            "8 pipeline.feed_chunk must be a text or a whole number",
            "9 pipe is no setting: did you mean pipeline?",
            "11 zebra is no setting: `onetape config show` prints all there are",
        ]
    );
    let faults = folder.faults("default_exchange = \"No Such\"\n[pipeline]\nretry_for = 5\nbatch_size = 0\n");
    assert_eq!(faults.iter().map(|fault| fault.line).collect::<Vec<_>>(), [1, 3, 4]);
    assert!(
        faults[1].reason.contains("as in \"5s\"") && faults[2].reason.contains("from 1 to 100000"),
        "{faults:?}"
    );
    let faults = folder.faults("[pipeline]\n\nmax_retry_pause = \"1ms\"\n");
    assert_eq!((faults[0].line, faults.len()), (3, 1));
    assert!(faults[0].reason.contains("at least pipeline.first_retry_pause, 100ms"), "{faults:?}");
    let faults = folder.faults("store = \"memory:\"\nstore =\n");
    assert!(faults[0].line == 2 && faults[0].reason.contains("not TOML"), "{faults:?}");
    assert_eq!(folder.faults("pipeline = 5\n")[0].reason, "pipeline must be a section: write [pipeline]");
}

#[test]
fn a_wrong_variable_is_named_and_an_empty_one_is_none() {
    let folder = Folder::new();
    let error = folder.load(&[("ONETAPE_PIPELINE_BATCH_SIZE", "many")]).expect_err("no number");
    assert!(error.to_string().starts_with("ONETAPE_PIPELINE_BATCH_SIZE must be a whole number"), "{error}");
    folder.load(&[("ONETAPE_PIPELINE_BATCH_SIZE", "")]).expect("config");
}

#[test]
fn no_password_is_shown() {
    let folder = Folder::new();
    let shown = |config: &Config| format!("{:?} {:?}", config.settings(), config);
    folder.file("onetape.toml", "store = \"postgres://u:s3cret@h/db?password=s3cret\"\n");
    let config = folder.load(POOR).expect("config");
    assert!(
        shown(&config).contains("postgres://u@h/db") && !shown(&config).contains("s3cret"),
        "{}",
        shown(&config)
    );
    for text in [
        "stoer = \"postgres://u:s3cret@h/db\"\n",
        "store = \"postgrse://u:s3cret@h/db\"\n",
        "store = \"postgres://u:s3cret@h/db\n",
        "store = [\"postgres://u:s3cret@h/db\"]\n",
    ] {
        folder.file("onetape.toml", text);
        let error = folder.load(POOR).expect_err(text);
        let all = format!("{error} {error:?}");
        assert!(!all.contains("s3cret"), "{all}");
    }
}

#[test]
fn a_file_that_is_none_is_refused() {
    let folder = Folder::new();
    let large = "# much\n".repeat(200_000);
    folder.file("onetape.toml", &large);
    let error = folder.load(POOR).expect_err("too large");
    assert!(error.to_string().contains("cannot be read"), "{error}");
    std::fs::write(folder.path().join("onetape.toml"), [0xff, 0xfe]).expect("written");
    assert!(folder.load(POOR).is_err());
}

#[test]
fn the_sample_sets_nothing_and_its_lines_are_the_defaults() {
    let folder = Folder::new();
    folder.file("onetape.toml", &Config::sample());
    let config = folder.load(POOR).expect("config");
    assert!(KEYS.iter().all(|key| config.origin(key.name) == Origin::Default));

    let is_setting =
        |line: &str| line.strip_prefix("# ").filter(|line| line.contains(" = ")).map(str::to_owned);
    let uncommented: String = Config::sample()
        .lines()
        .map(|line| is_setting(line).unwrap_or_else(|| line.to_owned()) + "\n")
        .collect();
    folder.file("onetape.toml", &uncommented);
    let config = folder.load(POOR).expect("config");
    assert!(
        KEYS.iter().all(|key| config.origin(key.name) != Origin::Default),
        "a setting is not in the sample"
    );
    let defaults = Values::defaults();
    for key in KEYS.iter().filter(|key| key.example.is_none()) {
        assert_eq!((key.show)(&config.values), (key.show)(&defaults), "{}", key.name);
    }
}

#[test]
fn a_sample_never_takes_the_place_of_a_file() {
    let folder = Folder::new();
    let path = folder.path().join("new/onetape.toml");
    Config::write_sample(&path).expect("written");
    std::fs::write(&path, "default_exchange = \"mine\"\n").expect("written");
    let error = Config::write_sample(&path).expect_err("it is there");
    assert!(matches!(error, ConfigError::Exists { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&path).expect("read"), "default_exchange = \"mine\"\n");
}

#[test]
fn a_default_batch_size_gives_way_to_one_that_was_named() {
    let folder = Folder::new();
    assert_eq!(
        folder.load(POOR).expect("config").with_default_batch_size(5_000).pipeline().batch_size,
        5_000
    );
    let named = folder.load(&[("ONETAPE_PIPELINE_BATCH_SIZE", "9")]).expect("config");
    assert_eq!(named.with_default_batch_size(5_000).pipeline().batch_size, 9);
}
